-- The page's looks: light and dark, phone and desktop. Servers have the colours of M. Okabe and K. Ito's set, which
-- nearly everybody tells apart, and a letter besides; a verdict has a sign besides its colour.

return [[
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1b1f24;--soft:#57606a;--line:#d8dee4;--good:#00724f;
--mixed:#9a5b00;--bad:#b5330f;--goodbg:#dff3ea;--mixedbg:#fbeed3;--badbg:#fbe3dc;--bar:#0072b2;--barbg:#e3e8ee;
--whisker:#1b1f24;--cell:#0072b2;--cellink:#fff}
@media(prefers-color-scheme:dark){:root{--bg:#0f1317;--card:#191f26;--ink:#e8ecf0;--soft:#a0abb6;--line:#333c46;
--good:#4fd1a0;--mixed:#f0b454;--bad:#ff9173;--goodbg:#12362a;--mixedbg:#3a2c10;--badbg:#43201a;--bar:#56b4e9;
--barbg:#2b343e;--whisker:#e8ecf0;--cell:#56b4e9;--cellink:#08131c}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"DejaVu Sans",sans-serif;overflow-wrap:anywhere}
main,header,footer{max-width:70rem;margin:0 auto;padding:0 1rem}
header{padding-top:1.5rem}
footer{color:var(--soft);font-size:.85rem;padding-bottom:2rem}
h1{font-size:1.6rem;line-height:1.2;margin:0 0 .25rem}
h2{font-size:1.25rem;margin:2rem 0 .5rem}
h3{font-size:1.05rem;margin:1.75rem 0 .5rem}
.card>h3:first-child{margin-top:.2rem}
p{margin:.4rem 0}
.soft{color:var(--soft);font-size:.9rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:.75rem;padding:1rem 1.25rem;margin:1rem 0}
.verdict{border-radius:.6rem;padding:.9rem 1.1rem;border-left:.4rem solid}
.verdict .headline{font-size:1.15rem;font-weight:650;margin:.1rem 0 .4rem}
.verdict code{font-size:.85rem}
.verdict ul{margin:.3rem 0;padding-left:1.2rem}
.good{background:var(--goodbg);border-color:var(--good)}.mixed{background:var(--mixedbg);border-color:var(--mixed)}
.bad{background:var(--badbg);border-color:var(--bad)}.faint{background:var(--barbg);border-color:var(--soft)}
.badge{display:inline-block;border-radius:1rem;padding:.05rem .6rem;font-size:.85rem;font-weight:600;white-space:nowrap}
.badge.good{color:var(--good)}.badge.mixed{color:var(--mixed)}
.badge.bad{color:var(--bad)}.badge.faint{color:var(--soft)}
.verdict .badge{background:var(--card)}
.advice{border-top:1px solid var(--line);margin-top:.6rem;padding-top:.5rem}
code,.mono{font-family:ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace;font-size:.9em}
.rates{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,18rem),1fr))}
.rate{min-width:0}
.rate h4,.strips h4{margin:0 0 .25rem;font-size:.95rem;display:flex;flex-wrap:wrap;gap:.25rem .6rem;align-items:center}
.rate svg{display:block;width:100%;height:auto}
.strips{display:grid;gap:1rem}
.strip{display:flex;flex-wrap:wrap;gap:2px 0}
.strip svg{display:block;width:25rem;max-width:100%;height:auto}
.legend{display:flex;flex-wrap:wrap;gap:.3rem 1rem;margin:.5rem 0;font-size:.85rem;color:var(--soft)}
.legend span{display:inline-flex;align-items:center;gap:.35rem}
.groups{list-style:none;margin:.5rem 0;padding:0;display:grid;gap:.6rem}
.groups li{display:grid;grid-template-columns:1.6rem minmax(0,1fr);gap:.1rem .6rem;align-items:center}
.groups .share{grid-column:2}
.groups svg{display:block;max-width:100%;height:auto}
.groups .share svg{width:21rem}
@media(min-width:52rem){.groups li{grid-template-columns:1.6rem minmax(0,1fr) 21rem}.groups .share{grid-column:3}}
.heat{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,16rem),1fr))}
.heat svg{display:block;width:100%;max-width:24rem;height:auto}
.places{margin:.25rem 0;padding-left:1.4rem;font-size:.9rem}
.scroll{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;width:100%;font-size:.88rem}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid var(--line);white-space:nowrap}
th{color:var(--soft);font-weight:600}
details summary{cursor:pointer;font-weight:600;margin-top:1.25rem}
details[open] summary{margin-bottom:.5rem}
svg text{font:600 11px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:var(--ink)}
svg .pale{fill:var(--soft);font-weight:400}
.track{fill:var(--barbg)}.fill{fill:var(--bar)}.whisker{stroke:var(--whisker);stroke-width:2;fill:none}
.l1{--c:#0072b2;--t:#fff}.l2{--c:#e69f00;--t:#1b1f24}.l3{--c:#009e73;--t:#fff}.l4{--c:#cc79a7;--t:#1b1f24}
.l5{--c:#56b4e9;--t:#1b1f24}.l6{--c:#d55e00;--t:#fff}.l7{--c:#f0e442;--t:#1b1f24}.l0{--c:#7d8894;--t:#fff}
.cell rect{fill:var(--c);stroke:var(--c);stroke-width:1.5}
.cell text{fill:var(--t);text-anchor:middle}
.refused rect{fill:var(--card)}.refused text{fill:var(--ink)}
.full rect{fill-opacity:.45}.full text{fill:var(--ink)}
.error rect{fill:none;stroke:var(--bad);stroke-dasharray:3 2}.error text{fill:var(--bad)}
.square rect{stroke:var(--line)}
.square text{text-anchor:middle}
.middle{text-anchor:middle}.end{text-anchor:end}
@media(max-width:40rem){body{font-size:15px}.card{padding:.8rem .9rem}}
@media print{body{background:#fff}.card{break-inside:avoid}}
]]
