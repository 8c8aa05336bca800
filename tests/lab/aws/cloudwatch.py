"""CloudWatch in the protocol that the newer SDKs speak.

moto answers CloudWatch in the query protocol only; the Rust SDK asks in CBOR. This stands in front of moto, rewrites the
question, and rewrites the answer back.
"""

import io
from urllib.parse import urlencode

import botocore.session
from botocore.parsers import QueryParser, RpcV2CBORParser
from botocore.serialize import RpcV2CBORSerializer, create_serializer
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Request, Response

PREFIX = "/service/GraniteServiceVersion20100801/operation/"


class CloudWatch:
    def __init__(self, app):
        self._app = app
        self._service = botocore.session.get_session().get_service_model("cloudwatch")
        self._query = create_serializer("query")
        self._cbor = RpcV2CBORSerializer()

    def __call__(self, environ, start_response):
        if not environ.get("PATH_INFO", "").startswith(PREFIX):
            return self._app(environ, start_response)
        operation = self._service.operation_model(environ["PATH_INFO"].removeprefix(PREFIX))
        question = urlencode(self._flat(Request(environ).get_data(), operation)).encode()
        inner = dict(
            environ, PATH_INFO="/", RAW_URI="/", REQUEST_URI="/", CONTENT_TYPE="application/x-www-form-urlencoded; charset=utf-8",
            CONTENT_LENGTH=str(len(question)), **{"wsgi.input": io.BytesIO(question)},
        )  # fmt: skip
        chunks, status, headers = run_wsgi_app(self._app, inner, buffered=True)
        body = b"".join(chunks)
        code = int(status.split()[0])
        answer = QueryParser().parse({"body": body, "headers": dict(headers), "status_code": code}, operation.output_shape)
        return self._answer(code, answer, operation)(environ, start_response)

    def _flat(self, body, operation):
        """The question's members as the query protocol spells them."""
        reader = RpcV2CBORParser()
        asked = reader.parse_data_item(reader.get_peekable_stream_from_bytes(body)) if body else {}
        return self._query.serialize_to_request(asked or {}, operation)["body"]

    def _answer(self, code, answer, operation):
        headers = {"smithy-protocol": "rpc-v2-cbor"}
        body = bytearray()
        if code >= 300:
            error = answer.get("Error", {})
            headers["x-amzn-query-error"] = f"{error.get('Code', 'InternalFailure')};Sender"
            body += b"\xa1\x66__type" + self._text(error.get("Code", "InternalFailure"))
        elif operation.output_shape is not None:
            answer.pop("ResponseMetadata", None)
            self._cbor._serialize_data_item(body, answer, operation.output_shape)
        return Response(bytes(body), status=code, headers=headers, content_type="application/cbor")

    @staticmethod
    def _text(text):
        raw = text.encode()[:200]
        return bytes([0x78, len(raw)]) + raw
