"""Colours and style sheet of the page: one set of names, a light and a dark value for each.

Charts are drawn with placeholder colours that name a style variable, so one drawing serves both schemes.
"""

from __future__ import annotations

from typing import Final

# name -> (placeholder while drawing, light, dark)
COLOURS: Final = {
    "page": ("#f00001", "#f4f5f6", "#0d1014"),
    "surface": ("#f00002", "#ffffff", "#151a20"),
    "ink": ("#f00003", "#12171d", "#eef1f4"),
    "soft": ("#f00004", "#4b5561", "#b3bcc6"),
    "muted": ("#f00005", "#7a848f", "#85909c"),
    "grid": ("#f00006", "#e5e8eb", "#252c35"),
    "axis": ("#f00007", "#b4bbc3", "#465160"),
    "blue": ("#f00008", "#2468c9", "#5c9df0"),
    "orange": ("#f00009", "#c9660a", "#eb9a48"),
    "violet": ("#f0000a", "#7048b8", "#a98df0"),
    "gain": ("#f0000b", "#0b7a3b", "#3fbf76"),
    "loss": ("#f0000c", "#bf2c2c", "#f27068"),
    "hole": ("#f0000d", "#8f98a3", "#6f7b89"),
}


def ink(name: str) -> str:
    """The placeholder to draw with; KeyError for a name that is not a colour of the page."""
    return COLOURS[name][0]


def with_variables(svg: str) -> str:
    """Replace each placeholder in a drawing by its style variable."""
    for name, (placeholder, _, _) in COLOURS.items():
        svg = svg.replace(placeholder, f"var(--{name})")
    return svg


def style_sheet() -> str:
    """The page's whole CSS, colours first; no font or picture is fetched."""
    return f":root{{color-scheme:light dark;{_variables(1)}}}{_DARK_OPEN}{_variables(2)}}}}}{_RULES}"


def _variables(column: int) -> str:
    return "".join(f"--{name}:{values[column]};" for name, values in COLOURS.items())


_DARK_OPEN: Final = "@media (prefers-color-scheme:dark){:root{"

_RULES: Final = """
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:14px/1.5 system-ui,-apple-system,"Segoe UI",
 Roboto,"Noto Sans","DejaVu Sans",sans-serif;-webkit-text-size-adjust:100%}
main{max-width:1180px;margin:0 auto;padding:20px 16px 40px}
header{display:flex;flex-wrap:wrap;gap:4px 20px;align-items:baseline;margin:4px 0 14px}
h1{font-size:24px;line-height:1.2;margin:0;letter-spacing:-.01em}
header p{margin:0;color:var(--soft)}
h2{font-size:12px;letter-spacing:.07em;text-transform:uppercase;color:var(--soft);margin:30px 0 10px}
h3{font-size:14px;font-weight:600;margin:0}
.banner{border:1px solid var(--axis);border-left:4px solid var(--blue);background:var(--surface);
 border-radius:6px;padding:9px 14px;margin:0 0 12px}
.banner.alarm{border-left-color:var(--loss)}
.banner b{margin-right:8px}
.cards{display:grid;grid-template-columns:repeat(4,minmax(0,1fr));gap:10px}
.card,.panel{background:var(--surface);border:1px solid var(--grid);border-radius:8px}
.card{padding:11px 14px}
.card .name{color:var(--soft);font-size:12px}
.card .value{font-size:21px;font-weight:600;line-height:1.35;font-variant-numeric:tabular-nums;
 white-space:nowrap}
.card .note{color:var(--muted);font-size:12px}
.card.lead .value{font-size:27px}
.panels{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:12px}
.panel{padding:12px 14px;min-width:0}
.panel>p{margin:2px 0 0;color:var(--muted);font-size:12px}
.panel.wide{grid-column:1/-1}
.legend{display:flex;flex-wrap:wrap;gap:2px 16px;margin:3px 0 2px;color:var(--soft);font-size:12px}
.legend span::before{content:"";display:inline-block;width:14px;height:0;border-top:2.5px solid var(--key);
 margin-right:6px;vertical-align:middle}
.legend .dash::before{border-top-style:dashed}
.legend .dot::before{width:10px;height:10px;border:0;background:var(--key);border-radius:50%}
.legend .ring::before{width:10px;height:10px;border:2px solid var(--key);border-radius:50%}
.legend .box::before{width:12px;height:10px;border:0;background:var(--key);opacity:.28}
.stack+.stack{margin-top:12px}
svg.chart{display:block;width:100%;height:auto}
svg.chart *{stroke-linejoin:round;stroke-linecap:butt}
svg.chart text{font-family:inherit!important;font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th{font-weight:600;font-size:12px;color:var(--soft);text-align:left;border-bottom:1px solid var(--axis)}
th,td{padding:6px 16px 6px 0;vertical-align:top;white-space:nowrap}
td{border-bottom:1px solid var(--grid)}
tr:last-child>td{border-bottom:0}
th.n,td.n{text-align:right}
th:last-child,td:last-child{padding-right:0}
td.long{white-space:normal;min-width:220px;color:var(--soft)}
.gain{color:var(--gain)}.loss{color:var(--loss)}.muted{color:var(--muted)}
.none{color:var(--muted);margin:0}
.bars{display:grid;grid-template-columns:minmax(90px,max-content) 1fr max-content;gap:7px 12px;
 align-items:center;margin-top:8px}
.bars .label{overflow-wrap:anywhere;font-size:13px}
.bars .label small{color:var(--muted);display:block;line-height:1.2}
.bars .track{background:var(--grid);border-radius:3px;height:12px}
.bars .fill{background:var(--key);border-radius:3px;height:12px;min-width:3px}
.bars .count{text-align:right;font-variant-numeric:tabular-nums}
details summary{cursor:pointer;color:var(--soft)}
details .scroll{margin-top:8px}
ul.plain{margin:0;padding-left:18px}
ul.plain li{margin:3px 0}
code{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
footer{margin-top:28px;color:var(--muted);font-size:12px}
@media (max-width:760px){
 .panels{grid-template-columns:minmax(0,1fr)}
 .cards{grid-template-columns:repeat(2,minmax(0,1fr))}
 main{padding:12px 10px 32px}
 .panel{padding:10px}
 .card .value,.card.lead .value{font-size:18px}
 td.long{min-width:300px}
 svg.chart text{font-size:15px!important}
}
@media print{body{background:#fff}.card,.panel{break-inside:avoid}}
"""
