-- The checks of the audit, in the order of their value to an operator. Adding one touches its own file under checks/,
-- which is called as the check is, with _ for -, and one line here (and its section in docs/audit.md). Where a check
-- takes more than its file, the rest stands in a folder beside checks/.
-- A check is {id, title, severity, class, sources, needs, connections(options), advice, harmless, reasons,
-- run(given)}.
--   class: "passive" (judges what was seen: run gets the evidence and nothing else, see resum.audit.evidence),
--     "active" (what any client could do), "intrusive" (only when asked for), "timed"; those three get a context
--   severity: of what it finds, where the finding has none of its own
--   needs: list of what it can't run without: names of options ("certificate", "audit_names", "state")
--   connections: how many it makes at most
--   on_request: true where it runs only when it is named
--   harmless: true where it sends what any client sends: then no control follows it
--   reasons: code -> words, or function(evidence) -> words; the codes that all share stand in resum.audit.finding
--   run: returns a list of what was found, at least one: verdict ("good", "bad", "info", "not_applicable",
--     "inconclusive"), reason, evidence (name -> string, number or boolean; never a secret, never bytes), severity,
--     group and share (of the servers that showed it), advice

return {
  (require "resum.audit.checks.client_certificate"), -- in brackets: require returns a second value where it stands last
  (require "resum.audit.checks.single_use"),
  (require "resum.audit.checks.known_key"),
  (require "resum.audit.checks.ticket_content"),
  (require "resum.audit.checks.ticket_repeats"),
  (require "resum.audit.checks.key_age"),
  (require "resum.audit.checks.key_sharing"),
  (require "resum.audit.checks.other_server"),
  (require "resum.audit.checks.early_data"),
  (require "resum.audit.checks.forward_secrecy"),
  (require "resum.audit.checks.unknown_ticket"),
  (require "resum.audit.checks.lifetime"),
  (require "resum.audit.checks.ticketbleed"),
  (require "resum.audit.checks.zero_secret"),
  (require "resum.audit.checks.binder"),
  (require "resum.audit.checks.tampered"),
  (require "resum.audit.checks.padding_oracle"),
  (require "resum.audit.checks.ems"),
  (require "resum.audit.checks.resume_rules"),
  (require "resum.audit.checks.id_entropy"),
  (require "resum.audit.checks.hello_size"),
  (require "resum.audit.checks.ticket_request"),
  (require "resum.audit.checks.pq_resumption"),
  (require "resum.audit.checks.sni_rules"),
}
