package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/httpwire"
)

// BenchmarkSession carries whole sessions: a new connection, Inform, empty
// POST, one RPC, 204. The figure includes the CPE and the ACS of the benchmark;
// use it to compare versions of the proxy, and `make bench` to compare proxies.
func BenchmarkSession(b *testing.B) {
	rpc := xml200(cwmp.GetParameterValues(cwmp.DefaultDialect, "g", []string{"Device."}))
	nl := benchACS(b, xml200(cwmp.InformResponse(cwmp.DefaultDialect, "1")), rpc, "HTTP/1.1 204 No Content\r\n\r\n")
	up := UpstreamConfig{Name: "a", URL: "http://" + nl.Addr().String()}
	up.SetDefaults()
	cfg := Config{Listen: []ListenConfig{{Name: "cpe", Address: "127.0.0.1:0"}}, Upstreams: []UpstreamConfig{up}}
	cfg.Session.SetDefaults()
	cfg.Limits.SetDefaults()
	s, err := New(cfg, Deps{
		Route:   func(RouteInput) Route { return Route{ACS: "a"} },
		Metrics: prometheus.NewRegistry(), Log: zap.NewNop(),
	})
	if err != nil {
		b.Fatal(err)
	}
	g := &gate{Server: s}
	ctx, stop := testContext(b)
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			b.Error(err)
		}
	}()
	addr, err := s.Addr("cpe")
	if err != nil {
		b.Fatal(err)
	}
	response := string(cwmp.GetParameterValuesResponse(cwmp.DefaultDialect, "g", []cwmp.Param{{Name: "Device.X", Value: "1"}}))
	posts := []string{post(inform("1")), post(""), post(response)}
	br := bufio.NewReader(nil)
	b.ReportAllocs()
	for b.Loop() {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		br.Reset(nc)
		for _, p := range posts {
			if _, err := io.WriteString(nc, p); err != nil {
				b.Fatal(err)
			}
			if err := skipMessage(br); err != nil {
				b.Fatal(err)
			}
		}
		nc.Close()
	}
}

func skipMessage(br *bufio.Reader) error {
	head, err := httpwire.ReadHead(br, 64<<10)
	if err != nil {
		return err
	}
	var resp httpwire.Response
	if err := httpwire.ParseResponse(head, &resp); err != nil {
		return err
	}
	framing, err := resp.Framing()
	if err != nil {
		return err
	}
	_, err = httpwire.ReadBody(br, framing, 1<<20, nil, nil)
	return err
}

// benchACS answers the requests of each connection in turn.
func benchACS(b *testing.B, answers ...string) net.Listener {
	b.Helper()
	nl, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { nl.Close() })
	serve := func(nc net.Conn) error {
		defer nc.Close()
		br := bufio.NewReader(nc)
		for _, answer := range answers {
			head, err := httpwire.ReadHead(br, 64<<10)
			if err != nil {
				return err
			}
			var req httpwire.Request
			if err := httpwire.ParseRequest(head, &req); err != nil {
				return err
			}
			framing, err := req.Framing()
			if err != nil {
				return err
			}
			if _, err := br.Discard(int(framing.Length)); err != nil {
				return err
			}
			if _, err := io.WriteString(nc, answer); err != nil {
				return err
			}
		}
		return nil
	}
	go func() {
		for {
			nc, err := nl.Accept()
			if err != nil {
				return
			}
			go func() {
				if err := serve(nc); err != nil {
					fmt.Println("benchmark ACS:", err)
				}
			}()
		}
	}()
	return nl
}
