"""What moto does not know and an account cannot be judged without: answered here, in front of it.

Access Analyzer, the account's own contact, and what EC2 keeps for a whole region. Set by the ordinary calls, kept by account
and region. Whatever else moto does not know stays unknown: the collector has to live with that.
"""

import io
import json
import re
from collections import defaultdict
from datetime import datetime, timezone
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from moto.iam.models import get_account_id_from
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Request, Response

SIGNED = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/")
EC2_NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
FUNCTION_URLS = re.compile(r"(/2021-10-31/functions/[^/]+/url)s/?")
# moto names the answer after the operation where S3 names it after what is in it.
ROOTS = {
    b"GetBucketVersioningResponse": b"VersioningConfiguration",
    b"GetBucketNotificationResponse": b"NotificationConfiguration",
    b"ListAccessPointsResponse": b"ListAccessPointsResult",
}
STAMP = re.compile(rb'("(?:createdAt|updatedAt)": "[^"Z]+)"')


class Answers:
    """Answers what it knows, hands everything else to moto, and mends a few of moto's own answers."""

    def __init__(self, moto):
        self._moto = moto
        self._kept = defaultdict(dict)

    def __call__(self, environ, start_response):
        signed = SIGNED.search(environ.get("HTTP_AUTHORIZATION", ""))
        if not signed:
            return self._moto(environ, start_response)
        key, region, service = signed.groups()
        answer = getattr(self, "_" + service.replace("-", "_"), self._nothing)
        response = answer(environ, get_account_id_from(key), region) or self._of_moto(environ)
        return response(environ, start_response)

    def _of_moto(self, environ):
        """moto breaks on what it does not know. An SDK asks again after a 500, at length, and takes 501 for the answer."""
        try:
            chunks, status, headers = run_wsgi_app(self._moto, environ, buffered=True)
        except Exception as unknown:  # whatever a half-built operation raises
            return as_json({"__type": "UnknownOperationException", "message": repr(unknown)[:200]}, 501)
        broken = status.startswith(("404", "5")) and headers.get("Content-Type", "").startswith("text/html")
        if broken and "HTTP_X_AMZ_TARGET" in environ:
            return as_json({"__type": "UnknownOperationException", "message": "moto does not know it"}, 501)
        return Response(chunks, status=501 if broken else status, headers=headers)

    def _nothing(self, *_):
        return None

    def _access_analyzer(self, environ, account, region):
        kept = self._kept[account, region].setdefault("analyzers", [])
        if environ["PATH_INFO"].rstrip("/") != "/analyzer":
            return None
        if environ["REQUEST_METHOD"] == "GET":
            return as_json({"analyzers": kept})
        asked = Request(environ).get_json()
        arn = f"arn:aws:access-analyzer:{region}:{account}:analyzer/{asked['analyzerName']}"
        made = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        kept.append({"arn": arn, "name": asked["analyzerName"], "type": asked["type"], "status": "ACTIVE", "createdAt": made})
        return as_json({"arn": arn})

    def _account(self, environ, account, _):
        kept = self._kept[account, ""]
        if environ["PATH_INFO"] == "/putContactInformation":
            kept["contact"] = Request(environ).get_json()["ContactInformation"]
            return as_json({})
        if environ["PATH_INFO"] != "/getContactInformation":
            return None
        if "contact" not in kept:
            return as_json({"message": "No contact information."}, 404, "ResourceNotFoundException")
        return as_json({"ContactInformation": kept["contact"]})

    def _ec2(self, environ, account, region):
        body = Request(environ).get_data()
        environ["wsgi.input"] = io.BytesIO(body)
        form = dict(parse_qsl(body.decode(errors="replace")))
        action = form.get("Action", "")
        kept = self._kept[account, region]
        if change := EC2_CHANGES.get(action):
            kept.update(change(form))
        elif action not in EC2_ANSWERS:
            return None
        answer = EC2_ANSWERS.get(action, lambda _: {"return": "true"})(kept)
        return Response(f'<{action}Response xmlns="{EC2_NAMESPACE}"><requestId>lab</requestId>{as_xml(answer)}</{action}Response>', mimetype="text/xml")

    def _ssm(self, environ, *_):
        """No agent runs on machines that do not exist."""
        if environ.get("HTTP_X_AMZ_TARGET") == "AmazonSSM.DescribeInstanceInformation":
            return as_json({"InstanceInformationList": []}, content_type="application/x-amz-json-1.1")
        return None

    def _lambda(self, environ, *_):
        """moto knows the one address that a function has and not the list of them."""
        asked = FUNCTION_URLS.fullmatch(environ["PATH_INFO"])
        if not asked:
            return None
        one = asked[1]
        chunks, status, headers = run_wsgi_app(self._moto, dict(environ, PATH_INFO=one, RAW_URI=one, REQUEST_URI=one), buffered=True)
        body = b"".join(chunks)
        if not status.startswith(("2", "404")):
            return Response(body, status=status, headers=headers)
        return as_json({"FunctionUrlConfigs": [json.loads(body)] if status.startswith("2") else []})

    def _s3(self, environ, *_):
        asked = environ.get("QUERY_STRING", "")
        if environ["REQUEST_METHOD"] != "GET" or not (
            asked.startswith(("versioning", "notification")) or environ["PATH_INFO"].startswith("/v20180820/accesspoint")
        ):
            return None
        return self._mended(environ, lambda body: re.sub(b"|".join(ROOTS), lambda found: ROOTS[found[0]], body))

    def _macie2(self, environ, *_):
        if environ["PATH_INFO"].rstrip("/") != "/macie" or environ["REQUEST_METHOD"] != "GET":
            return None
        return self._mended(environ, lambda body: STAMP.sub(rb'\1Z"', body))

    def _inspector2(self, environ, account, _):
        """moto leaves out accounts that never turned it on; AWS says that it is off."""
        if environ["PATH_INFO"].rstrip("/") != "/status/batch/get":
            return None
        off = {"status": "DISABLED", "errorCode": "ALREADY_ENABLED", "errorMessage": ""}
        state = {"accountId": account, "state": off, "resourceState": {"ec2": off, "ecr": off, "lambda": off, "lambdaCode": off}}
        return self._mended(environ, lambda body: json.dumps({**(found := json.loads(body)), "accounts": found["accounts"] or [state]}))

    def _mended(self, environ, mend):
        chunks, status, headers = run_wsgi_app(self._moto, environ, buffered=True)
        headers.remove("Content-Length")
        return Response(mend(b"".join(chunks)), status=status, headers=headers)


EC2_CHANGES = {
    "EnableSnapshotBlockPublicAccess": lambda form: {"snapshots": form["State"]},
    "EnableImageBlockPublicAccess": lambda form: {"images": form["ImageBlockPublicAccessState"]},
    "EnableSerialConsoleAccess": lambda _: {"console": "true"},
    "ModifyInstanceMetadataDefaults": lambda form: {"metadata": {"httpTokens": form["HttpTokens"]}},
}
EC2_ANSWERS = {
    "GetSnapshotBlockPublicAccessState": lambda kept: {"state": kept.get("snapshots", "unblocked")},
    "GetImageBlockPublicAccessState": lambda kept: {"imageBlockPublicAccessState": kept.get("images", "unblocked")},
    "GetSerialConsoleAccessStatus": lambda kept: {"serialConsoleAccessEnabled": kept.get("console", "false")},
    "GetInstanceMetadataDefaults": lambda kept: {"accountLevel": kept.get("metadata", {})},
    "GetEbsDefaultKmsKeyId": lambda _: {"kmsKeyId": "alias/aws/ebs"},
    "DescribeVpcBlockPublicAccessOptions": lambda _: {"vpcBlockPublicAccessOptions": {"state": "default-state", "internetGatewayBlockMode": "off"}},
}


def as_json(answer, status=200, error=None, content_type="application/json"):
    return Response(json.dumps(answer), status=status, headers={"x-amzn-errortype": error} if error else {}, content_type=content_type)


def as_xml(answer):
    return "".join(
        f"<{name}>{as_xml(value) if isinstance(value, dict) else escape(str(value))}</{name}>" for name, value in answer.items()
    )
