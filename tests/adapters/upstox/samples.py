"""Every JSON form that the broker's reference shows or lists field by field, with the type that reads it.

Where the reference leaves a value open (an id, an address), one of the right form stands in. `dict` or
`list` as type: a call that volguard never makes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from tests.adapters.upstox.sample_texts import (
    BOOK_ROW,
    BROKERAGE,
    CANCEL_207,
    CHAIN_ROW,
    CONTRACT_ROW,
    ERROR_401,
    FEED_URI,
    FULL_QUOTE,
    FUNDS_V2,
    FUNDS_V3,
    FUTURE_ROW,
    GREEKS,
    GTT_ROW,
    HOLDING,
    HOLIDAYS,
    INDEX_ROW,
    MARGIN,
    MULTI_207,
    MULTI_400,
    NOTICE,
    OHLC,
    OPTION_ROW,
    PLACE_BODY,
    POSITION_ROW,
    REJECTED_ROW,
    STATIC_IP,
    STOCK_ROW,
    STREAM_GTT,
    STREAM_HOLDING,
    STREAM_ORDER,
    STREAM_POSITION,
    TOKEN,
    TRADE_ROW,
)
from volguard.adapters.upstox.wire_account import (
    BrokerageData,
    KillSwitchChange,
    KillSwitchRow,
    MarginBody,
    MarginData,
    PositionRow,
    Profile,
    StaticIp,
    StaticIpBody,
)
from volguard.adapters.upstox.wire_candles import CandleData
from volguard.adapters.upstox.wire_errors import ErrorRow
from volguard.adapters.upstox.wire_funds import FundsData, OldFundsData
from volguard.adapters.upstox.wire_instruments import InstrumentRow
from volguard.adapters.upstox.wire_login import TokenNotice, TokenReply, TokenRequestBody, TokenRequested
from volguard.adapters.upstox.wire_market import HolidayRow, HoursRow, StatusData
from volguard.adapters.upstox.wire_options import ChainRow, ContractRow
from volguard.adapters.upstox.wire_order_bodies import ModifyBody, MultiLine, PlaceBody
from volguard.adapters.upstox.wire_orders import (
    ManyOrders,
    MultiPlaced,
    OrderId,
    OrderIds,
    OrderRow,
    TradeRow,
)
from volguard.adapters.upstox.wire_quotes import FullQuote, GreekRow, LastPrice, OhlcQuote, OldLastPrice
from volguard.adapters.upstox.wire_stream import (
    FeedAddress,
    FeedRequest,
    GttRow,
    HoldingRow,
    PositionUpdate,
)


@dataclass(frozen=True)
class Sample:
    """One form: `text` is the whole body when `is_whole`, else the envelope's data, `beside` after it."""

    name: str
    kind: Any
    text: str
    is_whole: bool = False
    beside: str = ""

    @property
    def body(self) -> bytes:
        """The reply as it comes."""
        text = self.text if self.is_whole else f'{{"status":"success","data":{self.text}{self.beside}}}'
        return text.encode()


SAMPLES: Final = (
    Sample("token reply", TokenReply, TOKEN, is_whole=True),
    Sample("logout", bool, "true"),
    Sample("token request", TokenRequestBody, '{"client_secret":"s3cret"}', is_whole=True),
    Sample(
        "token requested",
        TokenRequested,
        '{"authorization_expiry":"1731412800000","notifier_url":"https://notify.example"}',
    ),
    Sample("token notice", TokenNotice, NOTICE, is_whole=True),
    Sample("totp login", dict, '{"totp":"123456","pin":"123456"}', is_whole=True),
    Sample(
        "profile",
        Profile,
        '{"email":"******","exchanges":["NSE","NFO"],"products":["I","D"],"broker":"UPSTOX","user_id":"******",'
        '"user_name":"******","order_types":["MARKET","LIMIT"],"user_type":"individual","poa":false,'
        '"ddpi":true,"is_active":true}',
    ),
    Sample("funds v2", OldFundsData, FUNDS_V2),
    Sample("funds v3", FundsData, FUNDS_V3),
    Sample(
        "margin question",
        MarginBody,
        '{"instruments":[{"instrument_key":"NSE_FO|43919","quantity":75,"product":"D","transaction_type":"SELL","price":120.5}]}',
        is_whole=True,
    ),
    Sample("margin", MarginData, MARGIN),
    Sample("brokerage", BrokerageData, BROKERAGE),
    Sample(
        "kill switch",
        list[KillSwitchRow],
        '[{"segment":"NSE_FO","segment_status":"ACTIVE","kill_switch_enabled":false}]',
    ),
    Sample(
        "kill switch change",
        list[KillSwitchChange],
        '[{"segment":"NSE_FO","action":"ENABLE"}]',
        is_whole=True,
    ),
    Sample(
        "static ip body", StaticIpBody, '{"primary_ip":"1.2.3.4","secondary_ip":"5.6.7.8"}', is_whole=True
    ),
    Sample("static ip", StaticIp, STATIC_IP),
    Sample("placed v2", OrderId, '{"order_id":"240108010918222"}'),
    Sample(
        "placed v3",
        OrderIds,
        '{"order_ids":["240108010918222"]}',
        beside=',"metadata":{"latency":30}',
    ),
    Sample("place body", PlaceBody, PLACE_BODY, is_whole=True),
    Sample(
        "modify body",
        ModifyBody,
        '{"order_id":"240108010918222","order_type":"LIMIT","validity":"DAY","price":119.95,"trigger_price":0.0,'
        '"quantity":75,"disclosed_quantity":0}',
        is_whole=True,
    ),
    Sample(
        "multi place body",
        list[MultiLine],
        f'[{PLACE_BODY.strip().removesuffix("}")},"correlation_id":"1","market_protection":-1.0}}]',
        is_whole=True,
    ),
    Sample(
        "multi placed",
        MultiPlaced,
        '{"status":"success","data":[{"correlation_id":"1","order_id":"250107010000001"}],"errors":null,'
        '"summary":{"total":1,"payload_error":0,"success":1,"error":0}}',
        is_whole=True,
    ),
    Sample("multi placed in part", MultiPlaced, MULTI_207, is_whole=True),
    Sample("multi place refused", MultiPlaced, MULTI_400, is_whole=True),
    Sample(
        "multi cancelled",
        ManyOrders,
        '{"status":"success","data":{"order_ids":["250107010000001"]},"errors":null,"summary":{"total":1,"success":1,"error":0}}',
        is_whole=True,
    ),
    Sample("multi cancelled in part", ManyOrders, CANCEL_207, is_whole=True),
    Sample("exit all body", dict, "{}", is_whole=True),
    Sample("order book", list[OrderRow], f"[{BOOK_ROW}]"),
    Sample("order details", OrderRow, BOOK_ROW),
    Sample("order history", list[OrderRow], f"[{REJECTED_ROW}]"),
    Sample("trades", list[TradeRow], f"[{TRADE_ROW}]"),
    Sample("gtt cancel body", dict, '{"gtt_order_id":"GTT-C25280200074521"}', is_whole=True),
    Sample(
        "gtt placed",
        dict,
        '{"gtt_order_ids":["GTT-C25280200074521"]}',
        beside=',"metadata":{"latency":11}',
    ),
    Sample("gtt book", list[GttRow], f"[{GTT_ROW}]"),
    Sample("positions", list[PositionRow], f"[{POSITION_ROW}]"),
    Sample("holdings", list[HoldingRow], f"[{HOLDING}]"),
    Sample(
        "convert body",
        dict,
        '{"instrument_token":"NSE_EQ|INE528G01035","new_product":"D","old_product":"I",'
        '"transaction_type":"BUY","quantity":1}',
        is_whole=True,
    ),
    Sample("converted", dict, '{"status":"complete"}'),
    Sample("full quotes", dict[str, FullQuote], FULL_QUOTE),
    Sample(
        "last price v2",
        dict[str, OldLastPrice],
        '{"NSE_EQ:NHPC":{"last_price":52.05,"instrument_token":"NSE_EQ|INE848E01016"}}',
    ),
    Sample(
        "last price v3",
        dict[str, LastPrice],
        '{"NSE_FO:NIFTY2543021600PE":{"last_price":303.9,"instrument_token":"NSE_FO|51834","ltq":75,"volume":170325,"cp":29.0}}',
    ),
    Sample("ohlc v3", dict[str, OhlcQuote], OHLC),
    Sample("greeks", dict[str, GreekRow], GREEKS),
    Sample("option contracts", list[ContractRow], f"[{CONTRACT_ROW}]"),
    Sample(
        "expired contracts",
        list[ContractRow],
        f"[{CONTRACT_ROW}]".replace("NSE_FO|37590", "NSE_FO|37590|15-02-2024"),
    ),
    Sample("option chain", list[ChainRow], f"[{CHAIN_ROW}]"),
    Sample(
        "instrument file",
        list[InstrumentRow],
        f"[{OPTION_ROW},{FUTURE_ROW},{INDEX_ROW},{STOCK_ROW}]",
        is_whole=True,
    ),
    Sample(
        "candles",
        CandleData,
        '{"candles":[["2025-01-01T00:00:00+05:30",53.1,53.95,51.6,52.05,235519861,0]]}',
    ),
    Sample("expired expiries", list[str], '["2024-10-03","2024-10-10"]'),
    Sample(
        "feed address",
        FeedAddress,
        f'{{"authorized_redirect_uri":"{FEED_URI}","authorizedRedirectUri":"{FEED_URI}"}}',
    ),
    Sample(
        "feed request",
        FeedRequest,
        '{"guid":"13syxu852ztodyqncwt0","method":"sub","data":{"mode":"full",'
        '"instrumentKeys":["NSE_INDEX|Nifty Bank"]}}',
        is_whole=True,
    ),
    Sample("order update", OrderRow, STREAM_ORDER, is_whole=True),
    Sample("position update", PositionUpdate, STREAM_POSITION, is_whole=True),
    Sample("holding update", HoldingRow, STREAM_HOLDING, is_whole=True),
    Sample("gtt update", GttRow, STREAM_GTT, is_whole=True),
    Sample("holidays", list[HolidayRow], HOLIDAYS),
    Sample(
        "timings",
        list[HoursRow],
        '[{"exchange":"NFO","start_time":1704080700000,"end_time":1704103200000}]',
    ),
    Sample(
        "market status",
        StatusData,
        '{"exchange":"NFO","status":"NORMAL_OPEN","last_updated":1704080700000,"cas_eligible_status":"NORMAL_OPEN"}',
    ),
)
ERRORS: Final = Sample("error", list[ErrorRow], ERROR_401, is_whole=True)
