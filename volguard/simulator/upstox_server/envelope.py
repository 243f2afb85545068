"""Replies of the look-alike: the success envelope, the error envelope in both spellings, gateway pages."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from volguard.simulator.upstox_server.messages import Response

HTML: Final = "text/html; charset=utf-8"

# code -> (HTTP status, text)
CODES: Final[dict[str, tuple[int, str]]] = {
    "UDAPI10000": (405, "This API request is not supported"),
    "UDAPI10005": (429, "Too Many Request Sent"),
    "UDAPI1004": (400, "Valid order type is required"),
    "UDAPI1007": (400, "Validity is required"),
    "UDAPI1009": (400, "Instrument key is required"),
    "UDAPI1010": (400, "The order_id contains invalid characters"),
    "UDAPI1011": (400, "Instrument key is of invalid format"),
    "UDAPI1015": (400, "The to_date must be on or after the from_date, as YYYY-MM-DD"),
    "UDAPI1017": (400, "The API key is required"),
    "UDAPI1018": (400, "The redirect_uri is required"),
    "UDAPI1019": (400, "The segment is invalid"),
    "UDAPI1020": (400, "The interval is invalid"),
    "UDAPI1021": (400, "Instrument key is of invalid format"),
    "UDAPI1022": (400, "This value is required"),
    "UDAPI1023": (400, "This value is required"),
    "UDAPI1024": (400, "The client_secret is required"),
    "UDAPI1026": (400, "Instrument key is required"),
    "UDAPI1027": (400, "Interval is required"),
    "UDAPI1028": (400, "Interval is invalid"),
    "UDAPI1035": (400, "No position found to convert"),
    "UDAPI1040": (400, "Price is not to be sent for MARKET and SL-M orders"),
    "UDAPI1043": (400, "Price is required"),
    "UDAPI1052": (400, "The quantity cannot be zero"),
    "UDAPI1055": (400, "The validity is invalid"),
    "UDAPI1056": (400, "The order_type is invalid"),
    "UDAPI1059": (400, "The instrument_token is required"),
    "UDAPI1060": (400, "The quantity is required"),
    "UDAPI1061": (400, "The product is required or invalid"),
    "UDAPI1062": (400, "The transaction_type is required or invalid"),
    "UDAPI1063": (400, "The price is required"),
    "UDAPI1064": (400, "The quantity is invalid"),
    "UDAPI1065": (400, "The price is invalid"),
    "UDAPI1076": (400, "The interval is invalid"),
    "UDAPI1087": (400, "One of either symbol or instrument_key is invalid"),
    "UDAPI1088": (400, "The date is invalid, give YYYY-MM-DD"),
    "UDAPI1089": (400, "The exchange is invalid"),
    "UDAPI1095": (400, "The price must be greater than 0"),
    "UDAPI1096": (400, "The quantity must be greater than 0"),
    "UDAPI1097": (400, "The quantity is required"),
    "UDAPI1098": (400, "Instrument key is of invalid format"),
    "UDAPI1099": (400, "Instrument key is required"),
    "UDAPI1100": (400, "The product is required"),
    "UDAPI1101": (400, "The transaction_type is required"),
    "UDAPI1102": (400, "The number of instruments exceeds the limit"),
    "UDAPI1103": (400, "An instrument key is given twice"),
    "UDAPI1104": (400, "The quantity is not a multiple of the lot size"),
    "UDAPI1105": (400, "The segment is invalid"),
    "UDAPI1108": (400, "There is no open or pending order"),
    "UDAPI1109": (400, "There are more open orders than the limit"),
    "UDAPI1111": (400, "There are no open positions"),
    "UDAPI1113": (400, "Positions can be exited in market hours only"),
    "UDAPI1114": (400, "The request has no orders"),
    "UDAPI1115": (400, "The correlation_id is required"),
    "UDAPI1116": (400, "The correlation_id is longer than 20 characters"),
    "UDAPI1117": (400, "The correlation_id is given twice"),
    "UDAPI1118": (400, "The number of orders exceeds the limit"),
    "UDAPI1119": (400, "The tag is longer than 40 characters"),
    "UDAPI1146": (400, "The unit is invalid"),
    "UDAPI1147": (400, "The interval is invalid"),
    "UDAPI1148": (400, "The date range is invalid or too long"),
    "UDAPI1149": (403, "This API is available with Upstox Plus only"),
    "UDAPI1154": (403, "Access blocked due to static IP restrictions"),
    "UDAPI1156": (400, "The algo name is invalid"),
    "UDAPI1158": (400, "Market orders need market protection"),
    "UDAPI1176": (400, "The market_protection cannot exceed 25"),
    "UDAPI1177": (400, "The market_protection is invalid"),
    "UDAPI1179": (403, "The static IP can be changed once in a calendar week"),
    "UDAPI1181": (400, "The segment is invalid"),
    "UDAPI1184": (400, "The kill switch cannot be enabled with open positions"),
    "UDAPI1185": (400, "The kill switch can be disabled 12 hours after it was enabled"),
    "UDAPI1186": (400, "The segment is invalid"),
    "UDAPI1188": (400, "The action is invalid"),
    "UDAPI100010": (400, "Order not found"),
    "UDAPI100011": (400, "Invalid instrument key"),
    "UDAPI100016": (401, "Invalid credentials"),
    "UDAPI100036": (400, "Invalid input"),
    "UDAPI100040": (400, "Cancel of already cancelled/rejected/completed order is not allowed"),
    "UDAPI100041": (400, "Modify of complete/rejected/cancelled order is not allowed"),
    "UDAPI100042": (400, "The number of instrument keys exceeds the limit"),
    "UDAPI100050": (401, "Invalid token used to access API"),
    "UDAPI100057": (401, "Invalid auth code"),
    "UDAPI100060": (404, "Resource not found"),
    "UDAPI100068": (401, "Check your 'client_id' and 'redirect_uri'; one or both are incorrect"),
    "UDAPI100069": (401, "Check your 'client_id' and 'client_secret'; one or both are incorrect"),
    "UDAPI100072": (423, "The Funds service is accessible from 5:30 AM to 12:00 AM IST daily"),
    "UDAPI100074": (423, "The Order service is accessible from 5:30 AM to 12:00 AM IST daily"),
    "UDAPI100076": (400, "The number of instrument keys exceeds the limit of option greeks"),
    "UDAPI100500": (500, "Something went wrong"),
}


class CallRefused(Exception):
    """A call that is answered with an error; raised by handlers, turned into a response at one place."""

    def __init__(self, code: str, *, status: int | None = None, **beside: Any) -> None:
        super().__init__(code)
        self.code, self.status, self.beside = code, CODES[code][0] if status is None else status, beside


def error_row(code: str, **beside: Any) -> dict[str, Any]:
    """One error in both spellings; `beside` adds ids that the call has."""
    return {
        "errorCode": code,
        "message": CODES[code][1],
        "propertyPath": None,
        "invalidValue": None,
        "error_code": code,
        "property_path": None,
        "invalid_value": None,
        **beside,
    }


def json_response(body: Any, status: int = 200) -> Response:
    """Any JSON body."""
    return Response(status=status, body=msgspec.json.encode(body))


def success(data: Any, **beside: Any) -> Response:
    """`data` in the success envelope, with fields beside it."""
    return json_response({"status": "success", "data": data, **beside})


def failure(code: str, status: int | None = None, **beside: Any) -> Response:
    """One error in its envelope."""
    body = {"status": "error", "errors": [error_row(code, **beside)]}
    return json_response(body, CODES[code][0] if status is None else status)


def page(status: int, title: str, text: str) -> Response:
    """A page of the gateway, or of the login."""
    html = f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{text}</body></html>"
    return Response(status=status, body=html.encode(), content_type=HTML)
