"""The longer JSON forms of the broker's reference, as it prints them; `samples` says what each is."""

from __future__ import annotations

from typing import Final

FUNDS_V3: Final = """
{"available_to_trade":{"total":512000.25,
  "cash_available_to_trade":{"total":412000.25,
    "cash":{"opening_balance":500000.0,"added_today":0,"withdrawn_today":0,"amount_from_stock_sale":0,"unpaid_charges":12.5},
    "margin_used":{"total":87987.25,"mtf":0,"loss":{"total":0,"realised":0,"unrealised":-0.0},"span_exposure":87987.25,
      "cash_margin_var_elm":0,"premium_present":0,"delivery_margin":{"total":0,"equity":0,"fo_settlement":0}}},
  "pledge_available_to_trade":{"margin_from_pledge":{"total":100000.0,"equity":60000.0,"mutual_funds":40000.0},
    "margin_used":{"total":0.5,"mtf":0,"span_exposure":0.5,"cash_margin_var_elm":0,"premium_present":0,
      "delivery_margin":{"total":0,"equity":0,"fo_settlement":0}}}},
 "unavailable_to_trade":{"cash_unavailable_to_trade":{"unsettled_profit":{"todays_profit":0,"previous_days":0}},
  "pledge_unavailable_to_trade":{"equity":0,"mutual_funds":0}}}"""

BROKERAGE: Final = """
{"charges":{"total":208.27,"brokerage":0.0,
 "taxes":{"gst":1.02,"stt":175.0,"stamp_duty":26.23},
 "other_charges":{"transaction":5.68,"clearing":0.0,"ipft":0.17,"sebi_turnover":0.17},
 "dp_plan":{"name":"DP3A","min_expense":18.5},
 "otherTaxes":{"transaction":5.68,"clearing":0.0,"ipft":0.17,"sebi_turnover":0.17},
 "dpPlan":{"name":"DP3A","min_expense":18.5}}}"""

BOOK_ROW: Final = """
{"exchange":"NFO","product":"D","price":571.0,"quantity":75,"status":"complete","guid":null,"tag":"w-1-a",
 "instrument_token":"NSE_FO|52567","placed_by":"******","trading_symbol":"NIFTY 23700 CE 08 SEP 26",
 "tradingsymbol":"NIFTY 23700 CE 08 SEP 26","order_type":"LIMIT","validity":"DAY","trigger_price":0.0,
 "disclosed_quantity":0,"transaction_type":"SELL","average_price":570.95,"filled_quantity":75,
 "pending_quantity":0,"status_message":null,"status_message_raw":null,"exchange_order_id":"1300000025660919",
 "parent_order_id":null,"order_id":"231019025057849","variety":"SIMPLE",
 "order_timestamp":"2023-10-19 13:25:56","exchange_timestamp":"2023-10-19 13:25:56","is_amo":false,
 "order_request_id":"1","order_ref_id":"57744821658411"}"""

REJECTED_ROW: Final = """
{"exchange":"NSE","product":"D","price":571.0,"quantity":300,"status":"rejected","tag":null,
 "instrument_token":"NSE_EQ|INE062A01020","placed_by":"******","trading_symbol":"SBIN-EQ","tradingsymbol":"SBIN-EQ",
 "order_type":"LIMIT","validity":"DAY","trigger_price":0.0,"disclosed_quantity":0,"transaction_type":"BUY",
 "average_price":0.0,"filled_quantity":0,
 "status_message":"You need to add Rs. 138385.27 in your account to place this trade.",
 "exchange_order_id":null,"parent_order_id":"NA","order_id":"231019025057849","variety":"SIMPLE",
 "order_timestamp":"2023-10-19 13:25:13","exchange_timestamp":null,"is_amo":false,"order_request_id":"1"}"""

STREAM_ORDER: Final = """
{"update_type":"order","user_id":"******","userId":"******","exchange":"NSE","instrument_token":"NSE_EQ|INE848E01016","instrument_key":"NSE_EQ|INE848E01016",
 "trading_symbol":"NHPC-EQ","tradingsymbol":"NHPC-EQ","product":"D","order_type":"MARKET","average_price":0,"price":0,"trigger_price":0,
 "quantity":1,"disclosed_quantity":0,"pending_quantity":0,"transaction_type":"BUY","order_ref_id":"GTT-C24210200025997","exchange_order_id":"",
 "parent_order_id":null,"validity":"DAY","status":"put order req received","is_amo":false,"variety":"SIMPLE","tag":null,"exchange_timestamp":null,
 "status_message":null,"order_id":"240221025997024","order_request_id":"1","order_timestamp":"2024-02-21 14:40:02","filled_quantity":0,
 "guid":null,"placed_by":"******","status_message_raw":null}"""  # noqa: E501

TRADE_ROW: Final = """
{"exchange":"NSE","product":"D","trading_symbol":"GOLDGUINEA17AUGFUT","tradingsymbol":"GOLDGUINEA17AUGFUT",
 "instrument_token":"151064324","order_type":"MARKET","transaction_type":"BUY","quantity":1,
 "exchange_order_id":"221013001021540","order_id":"221013001021540","exchange_timestamp":"03-Aug-2017 15:03:42",
 "average_price":299.4,"trade_id":"50091502","order_ref_id":"udapi-aqwsed14356","order_timestamp":"23-Apr-2021 14:22:06"}"""  # noqa: E501

POSITION_ROW: Final = """
{"exchange":"NFO","multiplier":1.0,"value":39.75,"pnl":26.25,"product":"D","instrument_token":"NSE_FO|52618",
 "average_price":2.65,"buy_value":0.0,"overnight_quantity":15,"day_buy_value":0.0,"day_buy_price":0.0,
 "overnight_buy_amount":39.75,"overnight_buy_quantity":15,"day_buy_quantity":0,"day_sell_value":0.0,
 "day_sell_price":0.0,"overnight_sell_amount":0.0,"overnight_sell_quantity":0,"day_sell_quantity":0,
 "quantity":15,"last_price":4.4,"unrealised":-658304.25,"realised":-0.0,"sell_value":0.0,
 "trading_symbol":"BANKNIFTY23OCT38000PE","tradingsymbol":"BANKNIFTY23OCT38000PE","close_price":2.65,
 "buy_price":2.65,"sell_price":0.0}"""

FULL_QUOTE: Final = """
{"NSE_EQ:NHPC":{"ohlc":{"open":53.4,"high":53.8,"low":51.75,"close":52.05},
 "depth":{"buy":[{"quantity":6917,"price":52.04999923706055,"orders":36},{"quantity":0,"price":0,"orders":0},
   {"quantity":0,"price":0,"orders":0},{"quantity":0,"price":0,"orders":0},{"quantity":0,"price":0,"orders":0}],
  "sell":[{"quantity":100,"price":52.1,"orders":2},{"quantity":0,"price":0,"orders":0},
   {"quantity":0,"price":0,"orders":0},{"quantity":0,"price":0,"orders":0},{"quantity":0,"price":0,"orders":0}]},
 "timestamp":"2023-10-19T05:21:51.099+05:30","instrument_token":"NSE_EQ|INE848E01016","symbol":"NHPC",
 "last_price":52.04999923706055,"volume":24123697,"average_price":52.56,"oi":0.0,"net_change":-1.25,
 "total_buy_quantity":0.0,"total_sell_quantity":6917.0,"lower_circuit_limit":46.7,"upper_circuit_limit":57.0,
 "last_trade_time":"1697624972130","oi_day_high":0.0,"oi_day_low":0.0}}"""

GREEKS: Final = """
{"NSE_FO:NIFTY2540923000PE":{"last_price":412.2,"instrument_token":"NSE_FO|43885","ltq":75,"volume":170325,
 "cp":831.2,"iv":0.33599853515625,"vega":6.1,"gamma":0.0004,"theta":-51.848,"delta":-0.8081,"oi":1966875.0}}"""

CHAIN_ROW: Final = """
{"expiry":"2025-02-13","pcr":7515.3,"strike_price":21100,"underlying_key":"NSE_INDEX|Nifty 50","underlying_spot_price":22976.2,
 "call_options":{"instrument_key":"NSE_FO|51059",
   "market_data":{"ltp":2449.9,"volume":0,"oi":750,"close_price":2449.9,"bid_price":1856.65,"bid_qty":1125,"ask_price":1941.65,"ask_qty":1125,"prev_oi":1500},
   "option_greeks":{"vega":4.1731,"theta":-472.8941,"gamma":0.0001,"delta":0.743,"iv":262.31,"pop":40.56}},
 "put_options":{"instrument_key":"NSE_FO|51060",
   "market_data":{"ltp":0.3,"volume":22315725,"oi":5636475,"close_price":0.35,"bid_price":0.3,"bid_qty":1979400,"ask_price":0.35,"ask_qty":2152500,"prev_oi":5797500},
   "option_greeks":{"vega":0.0568,"theta":-1.2461,"gamma":0,"delta":-0.0013,"iv":50.78,"pop":0.15}}}"""  # noqa: E501

OHLC: Final = """
{"NSE_FO:NIFTY2543021600PE":{"last_price":303.9,"instrument_token":"NSE_FO|51834",
 "prev_ohlc":{"open":303.9,"high":304.3,"low":303.85,"close":304.3,"volume":300,"ts":1744019880000},
 "live_ohlc":{"open":304.45,"high":304.45,"low":302.75,"close":303.9,"volume":2250,"ts":1744019940000}}}"""

CONTRACT_ROW: Final = """
{"name":"NIFTY","segment":"NSE_FO","exchange":"NSE","expiry":"2024-02-15","weekly":true,"instrument_key":"NSE_FO|37590",
 "exchange_token":"37590","trading_symbol":"NIFTY 19650 CE 15 FEB 24","tick_size":5,"lot_size":50,"instrument_type":"CE",
 "freeze_quantity":1800,"underlying_key":"NSE_INDEX|Nifty 50","underlying_type":"INDEX","underlying_symbol":"NIFTY",
 "strike_price":19650,"minimum_lot":50}"""  # noqa: E501

OPTION_ROW: Final = """
{"segment":"NSE_FO","exchange":"NSE","name":"NIFTY","instrument_type":"CE","instrument_key":"NSE_FO|51834",
 "exchange_token":"51834","trading_symbol":"NIFTY 23700 CE 08 SEP 26","expiry":1788892199000,"weekly":true,
 "strike_price":23700.0,"lot_size":65,"minimum_lot":65,"freeze_quantity":1800.0,"tick_size":5.0,
 "underlying_key":"NSE_INDEX|Nifty 50","asset_key":"NSE_INDEX|Nifty 50","underlying_symbol":"NIFTY",
 "asset_symbol":"NIFTY","underlying_type":"INDEX","asset_type":"INDEX","qty_multiplier":1.0}"""

FUTURE_ROW: Final = """
{"segment":"NSE_FO","exchange":"NSE","name":"NIFTY","instrument_type":"FUT","instrument_key":"NSE_FO|52168",
 "exchange_token":"52168","trading_symbol":"NIFTY FUT 29 SEP 26","expiry":1790706599000,"strike_price":0.0,
 "lot_size":65,"minimum_lot":65,"freeze_quantity":1800.0,"tick_size":10.0,
 "underlying_key":"NSE_INDEX|Nifty 50","underlying_symbol":"NIFTY","underlying_type":"INDEX"}"""

INDEX_ROW: Final = """
{"segment":"NSE_INDEX","name":"Nifty 50","exchange":"NSE","instrument_type":"INDEX",
 "instrument_key":"NSE_INDEX|Nifty 50","exchange_token":"26000","trading_symbol":"NIFTY"}"""

STOCK_ROW: Final = """
{"segment":"NSE_EQ","name":"RELIANCE INDUSTRIES LTD","exchange":"NSE","isin":"INE002A01018",
 "instrument_type":"EQ","instrument_key":"NSE_EQ|INE002A01018","lot_size":1,"freeze_quantity":100000.0,
 "exchange_token":"2885","tick_size":10.0,"trading_symbol":"RELIANCE","short_name":"Reliance Industries",
 "security_type":"NORMAL","qty_multiplier":1.0}"""

HOLIDAYS: Final = """
[{"date":"2024-01-01","description":"New Year's Day","holiday_type":"TRADING_HOLIDAY","closed_exchanges":[],
  "open_exchanges":[{"exchange":"NSE","start_time":1704080700000,"end_time":1704103200000},
                    {"exchange":"NFO","start_time":1704080700000,"end_time":1704103200000}]},
 {"date":"2024-01-20","description":"Special Live Session","holiday_type":"SPECIAL_TIMING",
  "closed_exchanges":["MCX","CDS","BCD"],
  "open_exchanges":[{"exchange":"NSE","start_time":1705722300000,"end_time":1705734000000},
                    {"exchange":"NFO","start_time":1705722300000,"end_time":1705734000000}]},
 {"date":"2024-01-26","description":"Republic Day","holiday_type":"TRADING_HOLIDAY",
  "closed_exchanges":["NSE","NFO","CDS","BSE","BFO","BCD","MCX"],"open_exchanges":[]}]"""

PLACE_BODY: Final = """
{"quantity":75,"product":"D","validity":"DAY","price":120.5,"tag":"w-1-a","slice":false,
 "instrument_token":"NSE_FO|43919","order_type":"LIMIT","transaction_type":"SELL","disclosed_quantity":0,
 "trigger_price":0.0,"is_amo":false}"""

MULTI_207: Final = """
{"status":"partial_success","data":[{"correlation_id":"1","order_id":"250107010000001"}],
 "errors":[{"error_code":"UDAPI100500","errorCode":"UDAPI100500","message":"Something went wrong","property_path":null,"propertyPath":null,
            "invalid_value":null,"invalidValue":null,"correlation_id":"2"}],
 "summary":{"total":2,"payload_error":0,"success":1,"error":1}}"""  # noqa: E501

MULTI_400: Final = """
{"status":"error","data":null,"errors":[{"error_code":"UDAPI1115","errorCode":"UDAPI1115","message":"correlation_id is required",
 "property_path":null,"propertyPath":null,"invalid_value":null,"invalidValue":null,"correlation_id":"1"}],
 "summary":{"total":2,"payload_error":2,"success":0,"error":0}}"""  # noqa: E501

CANCEL_207: Final = """
{"status":"partial_success","data":{"order_ids":["250107010000001"]},
 "errors":[{"error_code":"UDAPI100040","errorCode":"UDAPI100040","message":"Cancel not allowed","property_path":null,
 "propertyPath":null,"invalid_value":null,"invalidValue":null,"instrument_key":"NSE_FO|43919","order_id":"250107010000002"}],
 "summary":{"total":2,"success":1,"error":1}}"""  # noqa: E501

ERROR_401: Final = """
{"status":"error","errors":[{"errorCode":"UDAPI100050","message":"Invalid token used to access API","propertyPath":null,"invalidValue":null,
 "error_code":"UDAPI100050","property_path":null,"invalid_value":null}]}"""  # noqa: E501

TOKEN: Final = """
{"email":"******","exchanges":["NSE","NFO","CDS","BSE","BFO","BCD","MCX","NSCOM"],"products":["I","D","CO","OCO","MTF"],
 "broker":"UPSTOX","user_id":"******","user_name":"******","order_types":["MARKET","LIMIT","SL","SL-M"],
 "user_type":"individual","poa":false,"ddpi":true,"is_active":true,"access_token":"eyJ0eXAi.eyJzdWIi.c2ln","extended_token":null}"""

NOTICE: Final = """
{"client_id":"615b1297-d443-3b39-ba19-1927fbcdddc7","user_id":"******","access_token":"eyJ0eXAi.eyJzdWIi.c2ln",
 "token_type":"Bearer","expires_at":"1731448800000","issued_at":"1731412800000","message_type":"access_token"}"""

HOLDING: Final = """
{"isin":"INE528G01035","cnc_used_quantity":0,"collateral_type":"WC","company_name":"YES BANK LTD.","haircut":0.2,"product":"D",
 "quantity":36,"trading_symbol":"YESBANK","tradingsymbol":"YESBANK","last_price":17.05,"close_price":17.05,"pnl":-61.2,
 "day_change":0,"day_change_percentage":0,"instrument_token":"NSE_EQ|INE528G01035","average_price":18.75,
 "collateral_quantity":0,"collateral_update_quantity":0,"t1_quantity":0,"exchange":"NSE"}"""  # noqa: E501

STREAM_HOLDING: Final = """
{"update_type":"holding","instrument_token":"NSE_EQ|INE528G01035","instrument_key":"NSE_EQ|INE528G01035",
 "average_price":18.75,"isin":"INE528G01035","cnc_used_quantity":0,"collateral_quantity":0,"collateral_type":"WC",
 "collateral_update_quantity":0,"company_name":"YES BANK LTD.","haircut":0.2,"product":"D","quantity":36,
 "t1_quantity":0,"exchange":"NSE_EQ"}"""

STREAM_POSITION: Final = """
{"update_type":"position","instrument_token":"NSE_FO|52618","instrument_key":"NSE_FO|52618","average_price":2.65,
 "buy_value":39.75,"overnight_quantity":0,"exchange":"NSE_FO","day_buy_value":39.75,"day_buy_price":2.65,
 "overnight_buy_amount":0.0,"overnight_buy_quantity":0,"day_buy_quantity":15,"day_sell_value":0.0,
 "day_sell_price":0.0,"overnight_sell_amount":0.0,"overnight_sell_quantity":0,"day_sell_quantity":0,
 "multiplier":1.0,"quantity":15,"product":"D","sell_value":0.0,"buy_price":2.65,"sell_price":0.0}"""

STREAM_GTT: Final = """
{"update_type":"gtt_order","type":"SINGLE","exchange":"NSE_EQ","instrument_token":"NSE_EQ|INE528G01035",
 "quantity":1,"product":"D","gtt_order_id":"GTT-C25280200074521","expires_at":1771027200000000,
 "created_at":1739500200000000,"rules":[{"strategy":"ENTRY","status":"PENDING","trigger_type":"ABOVE",
 "trigger_price":18.5,"transaction_type":"BUY","message":null,"order_id":null,"trailing_gap":null}]}"""

GTT_ROW: Final = """
{"type":"SINGLE","exchange":"NSE_EQ","quantity":1,"product":"D","rules":[{"strategy":"ENTRY","status":"SCHEDULED",
 "trigger_type":"ABOVE","trigger_price":18.5,"transaction_type":"BUY","message":null,"order_id":null,
 "trailing_gap":null}],"trading_symbol":"YESBANK","instrument_token":"NSE_EQ|INE528G01035",
 "gtt_order_id":"GTT-C25280200074521","expires_at":1771027200000000,"created_at":1739500200000000}"""

FUNDS_V2: Final = """
{"equity":{"used_margin":0.8,"payin_amount":200.0,"span_margin":0.0,"adhoc_margin":0.0,"notional_cash":0.0,"available_margin":15507.46,"exposure_margin":0.0},
 "commodity":{"used_margin":0,"payin_amount":0,"span_margin":0,"adhoc_margin":0,"notional_cash":0,"available_margin":0,"exposure_margin":0}}"""

MARGIN: Final = """
{"margins":[{"span_margin":57501.5,"exposure_margin":12320.55,"equity_margin":0.0,"net_buy_premium":0.0,"additional_margin":0.0,"total_margin":69822.05,"tender_margin":0.0}],
 "required_margin":69822.05,"final_margin":69822.05}"""

STATIC_IP: Final = """
{"primary_ip":"1.2.3.4","secondary_ip":"5.6.7.8","primary_ip_updated_at":"2026-04-10T10:00:00+05:30",
 "secondary_ip_updated_at":null,"access_tokens_invalidated":false,"primary_ip_family_members":[],
 "secondary_ip_family_members":[]}"""

FEED_URI: Final = (
    "wss://wsfeeder-api.upstox.com/market-data-feeder/v3/upstox-developer-api/feeds"
    "?requestId=3c1f2a&code=90d1f7"
)
