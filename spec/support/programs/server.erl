%% A small HTTPS server on Erlang's ssl: server:main([PORT, CERTIFICATE, KEY, disabled | stateful | stateless]).
-module(server).
-export([main/1]).

main([Port, Certificate, Key, Tickets]) ->
    {ok, _} = application:ensure_all_started(ssl),
    {ok, Listener} = ssl:listen(list_to_integer(Port), [
        {ip, {127, 0, 0, 1}}, {reuseaddr, true}, {backlog, 100}, {active, false},
        {certfile, Certificate}, {keyfile, Key},
        {versions, ['tlsv1.3', 'tlsv1.2']}, {session_tickets, list_to_atom(Tickets)}
    ]),
    accept(Listener).

accept(Listener) ->
    {ok, Socket} = ssl:transport_accept(Listener),
    Server = spawn(fun() -> receive go -> serve(ssl:handshake(Socket, 10000)) end end),
    ok = ssl:controlling_process(Socket, Server),
    Server ! go,
    accept(Listener).

serve({ok, Socket}) ->
    case ssl:recv(Socket, 0, 10000) of
        {ok, _} -> ssl:send(Socket, "HTTP/1.0 200 OK\r\n\r\nhello\n");
        _ -> ok
    end,
    ssl:close(Socket);
serve(_) ->
    ok.
