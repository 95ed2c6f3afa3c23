"""The look, as constants: one style sheet and two one-line scripts for the page's language attribute.

Nothing here is ever built from data; that is what makes it safe to hand to the browser as it is.
"""

from typing import Final

SHEET: Final = """
<style>
:root { --ink:#1d2a2f; --quiet:#61707a; --glaze:#0f6e6e; --line:#e0e4e0; --card:#ffffff; }
[data-testid="stHeader"], [data-testid="stSidebar"], [data-testid="stExpandSidebarButton"] { display:none; }
[data-testid="stElementToolbar"] { display:none; }
[data-testid="stMainBlockContainer"] { padding:1rem 2rem 3rem; max-width:1180px; }
[data-testid="stText"], .stText { white-space:pre-wrap; overflow-wrap:anywhere; unicode-bidi:plaintext; font-family:inherit; }
h3 { padding:0.4rem 0 0.2rem !important; font-size:1.12rem !important; letter-spacing:0.01em; }

.st-key-tabs, .st-key-age { margin-top:-0.4rem; }
.st-key-brand { border-bottom:1px solid var(--line); padding-bottom:0.7rem; }
.st-key-brand_names { position:relative; padding-left:3.2rem; min-height:2.6rem; }
.st-key-brand_names::before { content:""; position:absolute; left:0; top:0.05rem; width:2.5rem; height:2.5rem;
  border-radius:38% 62% 55% 45% / 48% 42% 58% 52%;
  background:radial-gradient(circle at 32% 26%, rgba(255,255,255,.95) 0 7%, rgba(255,255,255,0) 24%),
    linear-gradient(140deg,#bfe9df 0%,#3fa79d 42%,#0f6e6e 72%,#e2b565 118%);
  box-shadow:inset -3px -4px 8px rgba(6,50,50,.35), 0 2px 6px rgba(15,110,110,.28); }
.st-key-brand_first [data-testid="stText"] { font-size:1.45rem; font-weight:650; line-height:1.15; color:var(--ink); }
.st-key-brand_second [data-testid="stText"] { font-size:0.86rem; line-height:1.2; color:var(--quiet); }

.st-key-tabs [data-testid="stPageLink-NavLink"] { min-height:44px; padding:0.4rem 1rem; border-radius:10px; justify-content:center; }
.st-key-tabs [data-testid="stPageLink-NavLink"] p { font-size:1rem; font-weight:600; }
.st-key-tab_here [data-testid="stPageLink-NavLink"] { background:var(--glaze); }
.st-key-tab_here [data-testid="stPageLink-NavLink"] * { color:#fff !important; }

[data-testid="stMetric"] { background:var(--card); border:1px solid var(--line); border-radius:14px; padding:0.75rem 0.9rem; min-height:7.8rem; }
[data-testid="stMetricLabel"] p { font-size:0.88rem; color:var(--quiet); }
[data-testid="stMetricValue"] { font-size:2.15rem; font-weight:640; line-height:1.2; color:var(--ink); font-variant-numeric:tabular-nums; }

.st-key-dimmed { opacity:0.5; filter:saturate(0.5); }
[data-testid="stFullScreenFrame"] { background:transparent; }
[class*="st-key-task_"] , [class*="st-key-card_"] { background:var(--card); border-radius:14px; }
[class*="st-key-task_"] [data-testid="stText"] { font-size:0.98rem; }
[class*="st-key-head_"] { padding-top:0.6rem; }
[class*="st-key-section_"] { padding-bottom:0.4rem; }
[class*="st-key-headline_"] [data-testid="stText"] { font-size:1.4rem; font-weight:650; }
[class*="st-key-plan_"] + div [data-testid="stText"], [class*="st-key-small_"] [data-testid="stText"] { font-size:0.88rem; color:var(--quiet); }
button, [data-testid="stPageLink-NavLink"], summary, input { min-height:44px; }
[data-testid^="stBaseButton"], button[data-variant] { min-height:44px !important; }
[data-testid="stTooltipIcon"] button, [data-testid="stTooltipHoverTarget"] { min-height:0; }
[class*="st-key-task_"] > div:has([data-testid="stText"]) { flex:1 0 100% !important; order:3; }
[class*="st-key-task_"] > div:has([data-testid="stPageLink"]) { margin-left:auto; }
[class*="st-key-task_"] [data-testid="stPageLink-NavLink"] { padding:0 0.8rem; border-radius:10px; background:#e9f2ef; }

@media (max-width:640px) {
  [data-testid="stMainBlockContainer"] { padding:0.7rem 0.9rem 3rem; }
  .st-key-brand_first [data-testid="stText"] { font-size:1.2rem; }
  .st-key-tabs { gap:0.3rem !important; }
  .st-key-tabs [data-testid="stPageLink-NavLink"] { padding:0.3rem 0.1rem; flex-direction:column; gap:0.1rem; }
  .st-key-tabs [data-testid="stPageLink-NavLink"] p { font-size:0.86rem; }
  .st-key-tabs > div { flex:1 1 0 !important; min-width:0 !important; }
  .st-key-tabs > div * { max-width:100%; }
  .st-key-tabs > div [class*="stElementContainer"], .st-key-tabs [data-testid="stElementContainer"], .st-key-tabs [data-testid="stPageLink"] { width:100% !important; }
  [data-testid="stMetricValue"] { font-size:1.8rem; }
}
</style>
"""

SPEAKS: Final = {
    "en": "<script>document.documentElement.lang='en'</script>",
    "zh-CN": "<script>document.documentElement.lang='zh-CN'</script>",
}
"""Language → script that tells screen readers and fonts which language the page is in."""

AGE_COLOURS: Final = {"fresh": "green", "late": "orange", "old": "red", "never": "red"}
AGE_ICONS: Final = {
    "fresh": ":material/check_circle:",
    "late": ":material/schedule:",
    "old": ":material/error:",
    "never": ":material/error:",
}

THEME: Final = {
    "theme.base": "light",
    "theme.primaryColor": "#0f6e6e",
    "theme.backgroundColor": "#f6f7f4",
    "theme.secondaryBackgroundColor": "#ecefeb",
    "theme.textColor": "#1d2a2f",
    "theme.borderColor": "#dfe3df",
    "theme.baseRadius": "12px",
    "theme.linkColor": "#0f6e6e",
    "theme.font": 'Inter, "Source Sans", "Noto Sans SC", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif',
}
