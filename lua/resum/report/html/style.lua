-- The page's looks: light and dark, phone, desk and paper. The only accent is the severity, which has a sign, too;
-- servers have the colours of M. Okabe and K. Ito's set, which nearly everybody tells apart, and a letter, too. Every
-- text stands out from what is behind it by 4.5 to 1 (WCAG 2.2, 1.4.3); a spec measures that.

local LIGHT = "--bg:#fff;--tint:#f4f6f8;--ink:#16191d;--soft:#56606b;--line:#d5dbe1;--broken:#b3261e;"
  .. "--impaired:#8a5300;--unknown:#56606b;--good:#0b6b48;--bar:#0b62ab;--track:#e3e8ed;--barink:#fff;--edge:#8a95a1"
local DARK = "--bg:#111519;--tint:#1a2026;--ink:#e7ebef;--soft:#9dabb8;--line:#323b45;--broken:#ff8f7d;"
  .. "--impaired:#f1b356;--unknown:#9dabb8;--good:#58d3a5;--bar:#5fb0f0;--track:#2a323b;--barink:#0b0d10;--edge:#71808e"

local SCREEN = [[
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,
"DejaVu Sans",sans-serif;overflow-wrap:anywhere}
header,main,footer{max-width:72rem;margin:0 auto;padding:0 1.5rem}
header{padding-top:2rem}
p,ul,ol,dl{margin:.35rem 0}
.kicker{color:var(--soft);font-size:.85rem;margin:0}
h1{font-size:1.45rem;line-height:1.25;margin:.1rem 0;font-weight:600}
h2{font-size:1.25rem;margin:0;font-weight:600}
h3{font-size:1.05rem;margin:0 0 .4rem;font-weight:650}
h4{font-size:.92rem;margin:0 0 .3rem;font-weight:600}
code,.mono,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.92em}
h1.mono,h2.mono{font-size:1.35rem}
a{color:inherit}
.soft,.note{color:var(--soft);font-size:.9rem}
.note{margin:-.2rem 0 .8rem;max-width:48rem}
article+article{border-top:1px solid var(--line);margin-top:4rem;padding-top:2.5rem}
.lead{margin:1.6rem 0 1.5rem}
.lead.small{margin-top:3rem}
.headline{font-size:1.85rem;line-height:1.25;font-weight:650;letter-spacing:-.01em;margin:.45rem 0 0;max-width:56rem}
.small .headline{font-size:1.3rem}
.badge{display:inline-flex;align-items:center;gap:.45rem;font-weight:650;white-space:nowrap}
.badge svg,.legend svg{flex:none}
.badge circle{fill:currentColor}
.badge path{stroke:var(--bg);stroke-width:2;fill:none;stroke-linecap:round;stroke-linejoin:round}
.broken{--c:var(--broken)}.impaired{--c:var(--impaired)}.unknown,.unreachable{--c:var(--unknown)}.good{--c:var(--good)}
.badge,.word{color:var(--c)}
.word{font-weight:600}
.cost{max-width:60rem;margin:.6rem 0 0}.cost+.cost{margin-top:.25rem}
.fold{display:grid;gap:2rem 3rem;grid-template-columns:minmax(0,25rem) minmax(0,1fr);align-items:start}
.fold.single{display:block}
.todo{max-width:48rem}
.todo h3:not(:first-child){margin-top:1.3rem}
.todo ol,.todo ul,.part>ul{padding-left:1.25rem}
li+li{margin-top:.35rem}
figure{margin:0;min-width:0}
figure>svg{display:block;width:100%;max-width:38.75rem;height:auto}
figure>.narrow{display:none}
.legend{display:flex;flex-wrap:wrap;gap:.15rem 1.2rem;font-size:.85rem;color:var(--soft)}
.legend span{display:inline-flex;align-items:center;gap:.4rem}
.part{margin-top:2.75rem}
.part>ul{max-width:52rem}
.questions{display:grid;gap:1.4rem 3rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,30rem),1fr))}
.rate{display:grid;grid-template-columns:10.5rem minmax(4rem,1fr) 3.6rem;gap:0 .8rem;align-items:center;
font-size:.92rem;padding:.15rem 0}
.option{white-space:nowrap}
.rate .share{text-align:right;white-space:nowrap;font-weight:600;font-variant-numeric:tabular-nums}
.rate .soft{grid-column:2/4}
.meter{position:relative;display:block;height:.8rem;background:var(--track);border-radius:2px}
.meter i,.meter b{position:absolute;left:0;top:0;bottom:0}
.meter i{background:var(--bar);border-radius:2px}
.meter b{top:calc(50% - 1px);bottom:auto;height:2px;background:var(--ink);box-shadow:0 0 0 1px var(--bg)}
table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{text-align:left;padding:.4rem 1.2rem .4rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th{overflow-wrap:normal;color:var(--soft);font-weight:500;font-size:.85rem}
.slim{max-width:28rem}
th:last-child,td:last-child{padding-right:0}
.log{font-size:.85rem;font-variant-numeric:tabular-nums}
.log td,.log th{padding-top:.15rem;padding-bottom:.15rem}
.targets .why{color:var(--soft);margin-left:.7rem}.targets .badge,.targets .why{vertical-align:middle}
.targets td:first-child{font-weight:600}.targets th:first-child{width:26%}
.targets td:nth-child(n+3){white-space:nowrap}
code.id{white-space:nowrap}.watched td:first-child{font-weight:600}.watched td:nth-child(2){width:24%}
.watched .badge,.watched .why{vertical-align:middle}.watched .why{display:block;color:var(--soft)}
.counts{display:flex;flex-wrap:wrap;gap:.3rem 1.5rem;margin:1.2rem 0}
.overview{margin-bottom:3rem}
.grids{display:flex;flex-wrap:wrap;gap:1.5rem 3rem}
.grids>*{min-width:0;max-width:100%}
.matrix{width:auto;font-variant-numeric:tabular-nums}
.matrix caption{text-align:left;font-weight:600;padding-bottom:.3rem;white-space:nowrap}
.matrix td,.matrix th{text-align:center;padding:.35rem .5rem;min-width:3.6rem;border:1px solid var(--line)}
.matrix thead td{border-color:transparent}
.matrix th{font-weight:600;color:var(--ink)}
.matrix .all{background:var(--bar);color:var(--barink)}
.matrix .some{box-shadow:inset 0 -4px var(--bar);background:var(--tint)}
.matrix .none,.matrix .no{color:var(--soft)}
.scroll{overflow-x:auto;max-width:100%;background:linear-gradient(90deg,var(--bg) 30%,transparent) left/2.5rem 100%,
linear-gradient(270deg,var(--bg) 30%,transparent) right/2.5rem 100%,
linear-gradient(90deg,var(--edge),transparent) left/.7rem 100%,
linear-gradient(270deg,var(--edge),transparent) right/.7rem 100%;background-repeat:no-repeat;
background-attachment:local,local,scroll,scroll}
.strips{display:grid;gap:1.3rem;margin-top:.8rem}
.strip{display:flex;flex-wrap:wrap;gap:2px}
.strip i{flex:none;width:15px;height:15px;border:1.5px solid var(--f);border-radius:2px;background:var(--f);
color:var(--t);font:600 10.5px/12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;
text-align:center}
.strip .refused{background:var(--bg);color:var(--ink)}
.strip .full{background:var(--bg);color:var(--soft);border:1px dotted var(--f);line-height:13px}
.strip .error{background:var(--bg);color:var(--broken);border:1.5px dashed var(--broken)}
.sample{display:inline-flex;vertical-align:-2px}
details>summary{cursor:pointer;font-weight:600;padding:.25rem 0}
.attempts>summary{font-size:1.05rem}
.paste details{border-top:1px solid var(--line);padding:.3rem 0}
.paste details:last-child{border-bottom:1px solid var(--line)}
.where{margin-top:.7rem}
pre{margin:.3rem 0;padding:.7rem .9rem;background:var(--tint);white-space:pre-wrap;line-height:1.45;border-radius:4px}
footer{margin-top:4rem;padding-top:1.5rem;padding-bottom:3rem;color:var(--soft);font-size:.9rem}
footer h2{font-size:1rem;color:var(--ink)}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.15rem 1.2rem}
dd{margin:0;color:var(--ink)}
svg text{font:500 13px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:var(--ink)}
svg .pale{fill:var(--soft);font-size:12px}
svg .share,svg .rate{font-weight:650;font-size:15px}svg.narrow .rate{font-size:14px}
svg .strong{fill:var(--broken);font-weight:600;font-size:11px}
.middle{text-anchor:middle}
.box{fill:var(--bg);stroke:var(--edge);stroke-width:1.2}
.behind{fill:var(--tint)}
.odd{stroke:var(--broken);stroke-width:2;stroke-dasharray:5 3}
.flow{fill:none;stroke:var(--edge);stroke-width:1.5}
.head{fill:var(--edge)}
.rail{stroke:var(--line);stroke-width:1;fill:none}
.dot{fill:var(--ink);stroke:var(--ink);stroke-width:1.5}
.dot.silent{fill:var(--bg);stroke:var(--soft);stroke-dasharray:2.5 2}
.dot.some{fill:var(--bg)}
.dot.none{fill:var(--bg);stroke:var(--broken)}
.arrow{fill:none;stroke:var(--good);stroke-width:2.2}
.accepts .head,svg>.arrow+.head{fill:var(--good)}
.barrier{stroke:var(--broken);stroke-width:1.8;fill:none}
.half{fill:var(--ink)}
.l1{--f:#0072b2;--t:#fff}.l2{--f:#e69f00;--t:#0b0d10}.l3{--f:#009e73;--t:#0b0d10}.l4{--f:#cc79a7;--t:#0b0d10}
.l5{--f:#56b4e9;--t:#0b0d10}.l6{--f:#d55e00;--t:#0b0d10}.l7{--f:#f0e442;--t:#0b0d10}.l0{--f:#5b6672;--t:#fff}
.packs{display:flex;flex-wrap:wrap;gap:1.2rem 1.4rem;align-items:flex-end;margin:.8rem 0 1.2rem}
.pack{text-align:center;font-size:.85rem;max-width:100%;min-width:5.6rem}
.pack>svg{width:auto;max-width:100%;margin:0 auto}
.pack b{font-weight:600}
.place{fill:var(--bar);stroke:var(--bar);stroke-width:1}.place.other{fill:var(--good);stroke:var(--good)}
.place.alone{fill:var(--bg);stroke:var(--edge);stroke-width:1.4}
.chip circle{fill:var(--f)}.chip text{fill:var(--t);text-anchor:middle;font-weight:650}
]]

-- A narrow page has the narrow picture, and lines for rows: what a cell is about stands before it.
local NARROW = [[
@media(max-width:60rem){.fold{grid-template-columns:minmax(0,1fr)}}
@media(max-width:40rem){body{font-size:15px}header,main,footer{padding-left:1rem;padding-right:1rem}
header{padding-top:1.25rem}.headline{font-size:1.45rem}.lead{margin:1.2rem 0}
figure>.wide{display:none}figure>.narrow{display:block}
.rate{grid-template-columns:minmax(0,1fr) 3.6rem}.rate .name{grid-column:1/3}.rate .soft{grid-column:1/3}
table:not(.matrix) thead{display:none}table:not(.matrix) tr{display:block;padding:.45rem 0;
border-bottom:1px solid var(--line)}
table:not(.matrix) td{display:block;border:0;padding:0}table:not(.matrix) td:empty{display:none}
table:not(.matrix) td[data-label]:not(:first-child)::before{content:attr(data-label) ": ";color:var(--soft)}
table.targets td:nth-child(2)::before,table.watched td:nth-child(n+2)::before{display:none}
table.watched td:nth-child(2){width:auto}
table.targets td:nth-child(n+3){display:inline;white-space:normal;margin-right:.9em}
.targets .why{display:block;margin:0}
table.log td{display:inline;margin-right:.7em}table.log tr{padding:.15rem 0}
table.log td:nth-child(4):not(:empty)::before{content:"session of no. "}
table.log td:nth-child(5):not(:empty)::before{content:"server "}
dl{grid-template-columns:minmax(0,1fr)}dd{margin-bottom:.4rem}}
]]

local PRINT = [[
@page{size:A4;margin:15mm}
@media print{html{font-size:10pt}body{font-size:1rem}header,main,footer{max-width:none;padding:0}header{padding-top:0}
.fold{grid-template-columns:minmax(0,1fr);gap:1rem}.headline{font-size:16pt}
figure>svg{max-width:150mm}.part{margin-top:1.4rem}article+article{break-before:page;border:0;margin:0;padding:0}
figure,tr,.rate,.question,.grids>*,pre,.strip{break-inside:avoid}h3,h4,.note,.legend{break-after:avoid}
.targets th,.targets td{font-size:.8rem;padding:.25rem .6rem .25rem 0}.targets th:first-child{width:30%}
.targets th:nth-child(2){width:38%}.targets td:nth-child(n+3){white-space:normal}
.scroll{background:none;overflow:visible}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
]]

return (":root{color-scheme:light dark;%s}\n@media screen and (prefers-color-scheme:dark){:root{%s}}\n"):format(LIGHT,
  DARK) .. SCREEN .. NARROW .. PRINT
