// A small HTTPS server on Go's crypto/tls: server.go PORT CERTIFICATE KEY [no-tickets] [tls12|tls13] [hangs-up].
package main

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"os"
)

func config(options []string) *tls.Config {
	certificate, err := tls.LoadX509KeyPair(os.Args[2], os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	c := &tls.Config{Certificates: []tls.Certificate{certificate}}
	for _, option := range options {
		switch option {
		case "no-tickets":
			c.SessionTicketsDisabled = true
		case "tls12":
			c.MaxVersion = tls.VersionTLS12
		case "tls13":
			c.MinVersion = tls.VersionTLS13
		}
	}
	return c
}

// Ends each connection as soon as its handshake is done.
func hangUp(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			connection.(*tls.Conn).Handshake()
			connection.Close()
		}()
	}
}

func main() {
	options := os.Args[4:]
	listener, err := tls.Listen("tcp", "127.0.0.1:"+os.Args[1], config(options))
	if err != nil {
		log.Fatal(err)
	}
	if len(options) > 0 && options[len(options)-1] == "hangs-up" {
		hangUp(listener)
	}
	log.Fatal(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "hello\n")
	})))
}
