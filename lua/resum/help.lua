-- What resum.help() says: the verbs, each with an example that can be typed as it stands. Pure.

return [[
resum.scan "localhost:443"                            is resumption supported? prints itself, as all results do
resum.rate("localhost:443", {attempts = 50})          how often? behind a balancer it may be at times only
h = resum.open "localhost:443"                        one handshake; h shows what came of it, h.error what went wrong
h.transcript                                          every message of it, with its fields
s = h:session()                                       the session that the server issued; s:fields() tells what is in it
h = resum.open("localhost:443", {session = s})        offer it
h = resum.open("localhost:443", {tls = "1.2"})        that version of TLS only
h = resum.open("localhost:25", {starttls = "smtp"})   behind STARTTLS
c = resum.core.context {}                             by hand, bytes in and bytes out: what a client offers,
m = resum.core.handshake(c); m:step()                   a handshake that gives its first bytes,
resum.core.parse(resum.core.client_hello {})            messages written and read
resum.help()                                          this

Options of scan, rate and open go into the table: timeout = 3, sni = "a.example", mechanisms = {"ticket"},
certificate = "PEM text", source = "192.0.2.1" and more. A mistake in them is raised; what a server does is a value.
]]
