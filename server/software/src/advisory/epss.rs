//! FIRST's forecast of which flaws will be exploited (EPSS, <https://www.first.org/epss/>), read line by line.

use super::kev::is_cve;
use super::osv::Unreadable;
use flate2::bufread::MultiGzDecoder;
use std::io::{BufRead, BufReader, Read};

/// The longest line, in bytes; they have about 40.
const LINE: u64 = 1024;
/// The most lines; there are about 300,000.
const LINES: u64 = 10_000_000;

/// The forecast for one flaw.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    pub cve: String,
    /// The probability that it is exploited within 30 days, 0 to 1.
    pub probability: f64,
    /// The share of flaws that are as probable or less, 0 to 1.
    pub percentile: f64,
}

/// Which forecast it was.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edition {
    /// `v2031.02.03`. Empty where the file does not say.
    pub model: String,
    /// The day of the forecast, as the file writes it: `2031-02-03T00:00:00+0000`. Empty where the file does not say.
    pub date: String,
    pub forecasts: u64,
    /// Lines that are no forecast.
    pub unreadable: u64,
}

/// Reads a forecast, plain or packed by gzip, handing each line on.
///
/// # Errors
/// When it can not be read to its end, when it is not of this shape, or is endless. What was handed on before is then not
/// the whole.
pub fn read(mut source: impl BufRead, each: impl FnMut(Forecast)) -> Result<Edition, Unreadable> {
    let begin = source.fill_buf().map_err(|error| Unreadable::new(error.to_string()))?;
    if begin.starts_with(&[0x1f, 0x8b]) {
        lines(BufReader::new(MultiGzDecoder::new(source)), each)
    } else {
        lines(source, each)
    }
}

fn lines(mut source: impl BufRead, mut each: impl FnMut(Forecast)) -> Result<Edition, Unreadable> {
    let mut edition = Edition::default();
    let mut columns = false;
    let mut buffer = Vec::new();
    for _ in 0..LINES {
        let Some(line) = next_line(&mut source, &mut buffer)? else {
            return if columns { Ok(edition) } else { Err(Unreadable::new("no line names the columns")) };
        };
        match line.strip_prefix('#') {
            Some(comment) => heading(comment, &mut edition),
            None if line.is_empty() => {}
            None if !columns => columns = names_columns(line)?,
            None => match forecast(line) {
                Some(forecast) => {
                    edition.forecasts += 1;
                    each(forecast);
                }
                None => edition.unreadable += 1,
            },
        }
    }
    Err(Unreadable::new(format!("more than {LINES} lines")))
}

/// The next line without the white space around it; none at the end.
fn next_line<'a>(source: &mut impl BufRead, buffer: &'a mut Vec<u8>) -> Result<Option<&'a str>, Unreadable> {
    buffer.clear();
    let limited = source.by_ref().take(LINE).read_until(b'\n', buffer);
    if limited.map_err(|error| Unreadable::new(error.to_string()))? == 0 {
        return Ok(None);
    }
    if buffer.len() as u64 == LINE && buffer.last() != Some(&b'\n') {
        return Err(Unreadable::new(format!("a line is longer than {LINE} bytes")));
    }
    std::str::from_utf8(buffer).map(|line| Some(line.trim())).map_err(|_| Unreadable::new("not UTF-8"))
}

fn names_columns(line: &str) -> Result<bool, Unreadable> {
    if line == "cve,epss,percentile" {
        Ok(true)
    } else {
        Err(Unreadable::new("the first line does not name the columns cve, epss, percentile"))
    }
}

/// `model_version:v2031.02.03,score_date:2031-02-03T00:00:00+0000`
fn heading(comment: &str, edition: &mut Edition) {
    for (key, value) in comment.split(',').filter_map(|part| part.split_once(':')) {
        match key.trim() {
            "model_version" => edition.model = value.trim().to_owned(),
            "score_date" => edition.date = value.trim().to_owned(),
            _ => {}
        }
    }
}

fn forecast(line: &str) -> Option<Forecast> {
    let mut parts = line.split(',').map(str::trim);
    let cve = parts.next().filter(|id| is_cve(id))?;
    let mut share = || parts.next()?.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
    Some(Forecast { cve: cve.to_owned(), probability: share()?, percentile: share()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    const FORECAST: &str = "#model_version:v2031.02.03,score_date:2031-02-03T00:00:00+0000\ncve,epss,percentile\n\
        CVE-2031-1000,0.97565,0.99996\nCVE-2031-1001,1.2,0.5\nCVE-2031-1002,4.3e-04,0.07\r\n";

    fn collect(bytes: &[u8]) -> Result<(Edition, Vec<Forecast>), Unreadable> {
        let mut all = Vec::new();
        let edition = read(bytes, |forecast| all.push(forecast))?;
        Ok((edition, all))
    }

    #[test]
    fn a_forecast_is_read_plain_or_packed_with_its_date() {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(FORECAST.as_bytes()).unwrap();

        let (edition, all) = collect(FORECAST.as_bytes()).unwrap();
        assert_eq!((edition.model.as_str(), edition.forecasts, edition.unreadable), ("v2031.02.03", 2, 1));
        assert_eq!(edition.date, "2031-02-03T00:00:00+0000");
        assert_eq!((all[0].cve.as_str(), all[0].probability), ("CVE-2031-1000", 0.97565));
        assert_eq!(all[1].probability, 0.00043);
        assert_eq!(collect(&packed.finish().unwrap()).unwrap().1, all);
    }

    #[test]
    fn what_is_no_forecast_is_unreadable() {
        for bad in ["", "#model_version:v1", "<html>", "cve,score\n", "\u{1f}\u{8b}"] {
            assert!(collect(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(collect(&[0x1f, 0x8b, 8, 0, 0]).is_err(), "a packed file that is cut off");
        assert!(collect(&vec![b'#'; 1 << 20]).is_err(), "a line without an end");
    }
}
