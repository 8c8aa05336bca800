//! From the SDK's types to attributes: JSON under the provider's own field names.
//!
//! The SDK's types have no serde, so each service names the fields it keeps, once, with [`object!`].

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::Value;
use std::collections::HashMap;

/// A value that can stand in an attribute. Absent is null, an instant is RFC 3339, an enum its wire word (`.as_str()`).
pub trait ToAttr {
    fn to_attr(&self) -> Value;
}

macro_rules! plain {
    ($($kind:ty),*) => {$(
        impl ToAttr for $kind {
            fn to_attr(&self) -> Value {
                Value::from(self.clone())
            }
        }
    )*};
}

plain!(bool, i32, i64, u64, f64, String, Value);

impl ToAttr for str {
    fn to_attr(&self) -> Value {
        Value::from(self)
    }
}

impl ToAttr for DateTime {
    fn to_attr(&self) -> Value {
        self.fmt(Format::DateTime).map_or(Value::Null, Value::from)
    }
}

impl<T: ToAttr + ?Sized> ToAttr for &T {
    fn to_attr(&self) -> Value {
        (*self).to_attr()
    }
}

impl<T: ToAttr> ToAttr for Option<T> {
    fn to_attr(&self) -> Value {
        self.as_ref().map_or(Value::Null, ToAttr::to_attr)
    }
}

impl<T: ToAttr> ToAttr for [T] {
    fn to_attr(&self) -> Value {
        self.iter().map(ToAttr::to_attr).collect()
    }
}

impl<T: ToAttr> ToAttr for Vec<T> {
    fn to_attr(&self) -> Value {
        self.as_slice().to_attr()
    }
}

impl<T: ToAttr> ToAttr for HashMap<String, T> {
    fn to_attr(&self) -> Value {
        Value::Object(self.iter().map(|(key, value)| (key.clone(), value.to_attr())).collect())
    }
}

/// A JSON document that the provider sends as text, such as a policy. Text that is no JSON stays text, so that a check
/// sees that something was there.
pub(crate) fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

/// A JSON object from `"Name" => value` pairs, where a value is anything that is [`ToAttr`].
macro_rules! object {
    ($($name:literal => $value:expr),* $(,)?) => {
        serde_json::Value::Object(serde_json::Map::from_iter([
            $(($name.to_owned(), $crate::attributes::ToAttr::to_attr(&$value))),*
        ]))
    };
}
pub(crate) use object;
