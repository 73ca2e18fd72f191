package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"time"
)

// runBaseline is what a Go programmer would write first: net/http's server and
// httputil.ReverseProxy on the default transport. All ratios refer to it.
func runBaseline(args []string, in io.Reader) error {
	flags := flag.NewFlagSet(roleBaseline, flag.ContinueOnError)
	address := flags.String("listen", "127.0.0.1:0", "address")
	upstream := flags.String("upstream", "", "the ACS's host:port")
	idle := flags.Int("idle", 0, "idle connections to keep per ACS; 0: the default transport's")
	cert := flags.String("cert", "", "certificate; empty: plain HTTP")
	key := flags.String("key", "", "its key")
	if err := flags.Parse(args); err != nil {
		return err
	}
	l, err := net.Listen("tcp4", *address)
	if err != nil {
		return err
	}
	server := newBaseline(*upstream, *idle)
	go func() { // until the process ends with in
		if err := serveBaseline(server, l, *cert, *key); !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintln(os.Stderr, "baseline:", err)
		}
	}()
	_, err = io.Copy(io.Discard, in)
	return err
}

func newBaseline(upstream string, idle int) *http.Server {
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: upstream})
	if idle > 0 {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConns, transport.MaxIdleConnsPerHost = idle, idle
		proxy.Transport = transport
	}
	return &http.Server{Handler: proxy, ReadHeaderTimeout: time.Hour}
}

func serveBaseline(s *http.Server, l net.Listener, cert, key string) error {
	if cert == "" {
		return s.Serve(l)
	}
	s.TLSConfig = serverTLS()
	return s.ServeTLS(l, cert, key)
}
