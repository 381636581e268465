-- The checks of the audit, in the order of their value to an operator. Adding one touches its own file and one line
-- here (and its section in docs/audit.md).
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
  (require "resum.audit.client_certificate"), -- in brackets: require returns a second value where it stands last
  (require "resum.audit.single_use"),
  (require "resum.audit.known_key"),
  (require "resum.audit.ticket_content"),
  (require "resum.audit.ticket_repeats"),
  (require "resum.audit.key_age"),
  (require "resum.audit.key_sharing"),
  (require "resum.audit.other_server"),
  (require "resum.audit.early_data"),
  (require "resum.audit.forward_secrecy"),
  (require "resum.audit.unknown_ticket"),
  (require "resum.audit.lifetime"),
  (require "resum.audit.ticketbleed"),
  (require "resum.audit.zero_secret"),
  (require "resum.audit.binder"),
  (require "resum.audit.tampered"),
  (require "resum.audit.padding_oracle"),
  (require "resum.audit.ems"),
  (require "resum.audit.resume_rules"),
  (require "resum.audit.id_entropy"),
  (require "resum.audit.hello_size"),
  (require "resum.audit.ticket_request"),
  (require "resum.audit.pq_resumption"),
  (require "resum.audit.sni_rules"),
}
