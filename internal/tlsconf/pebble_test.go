package tlsconf

import (
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/acsgate/acsgate/internal/tlsconf/tlstest"
)

// pebble is the ACME test CA in process. It is down until up is called, and a
// further call replaces it by one that knows nothing of the past.
type pebble struct {
	directory string
	rootFile  string // trusts the directory's own certificate
	resolver  string

	handler  atomic.Pointer[http.Handler]
	orders   atomic.Int32 // newOrder requests
	accounts atomic.Int32 // newAccount requests
	roots    []*x509.Certificate
}

// pebbleLeaks are goroutines that Pebble has no way to stop.
func pebbleLeaks() []goleak.Option {
	return []goleak.Option{goleak.IgnoreTopFunction("github.com/letsencrypt/pebble/v2/va.VAImpl.processTasks")}
}

func newPebble(t *testing.T) *pebble {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_AUTHZREUSE", "0")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0") // requests are counted, and a refused nonce repeats one
	p := &pebble{resolver: newResolver(t)}
	server := httptest.NewUnstartedServer(p)
	cert := tlstest.Must(testCA().Issue(tlstest.Spec{IPs: []net.IP{net.IPv4(127, 0, 0, 1)}}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = trusting("")
	server.TLS.Certificates = append(server.TLS.Certificates, cert.TLS())
	server.StartTLS()
	t.Cleanup(server.Close)
	p.directory = server.URL + wfe.DirectoryPath
	p.rootFile = filepath.Join(t.TempDir(), "pebble.crt")
	write(t, p.rootFile, testCA().PEM())
	return p
}

func (p *pebble) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	handler := p.handler.Load()
	if handler == nil {
		panic(http.ErrAbortHandler) // nobody is there
	}
	switch r.URL.Path {
	case "/order-plz":
		p.orders.Add(1)
	case "/sign-me-up":
		p.accounts.Add(1)
	}
	(*handler).ServeHTTP(w, r)
}

// up starts a CA that validates on these ports and issues for so many seconds.
func (p *pebble) up(httpPort, tlsPort int, seconds uint64) {
	logger := log.New(io.Discard, "", 0)
	memory := db.NewMemoryStore()
	authority := ca.New(logger, memory, "", "ecdsa", 1, 1, map[string]ca.Profile{"default": {ValidityPeriod: seconds}})
	validator := va.New(logger, httpPort, tlsPort, true, p.resolver, memory)
	front := wfe.New(logger, memory, validator, authority, []string{"pebble.example"}, true, false, 0, 0)
	p.roots = nil
	for i := range authority.GetNumberOfRootCerts() {
		p.roots = append(p.roots, authority.GetRootCert(i).Cert)
	}
	p.orders.Store(0)
	p.accounts.Store(0)
	handler := front.Handler()
	p.handler.Store(&handler)
}

func (p *pebble) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	for _, root := range p.roots {
		pool.AddCert(root)
	}
	return pool
}

// newResolver answers every name with 127.0.0.1, as Pebble's validator asks:
// over TCP.
func newResolver(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{Listener: ln, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, query *dns.Msg) {
		reply := new(dns.Msg).SetReply(query)
		if q := query.Question[0]; q.Qtype == dns.TypeA {
			reply.Answer = append(reply.Answer, &dns.A{
				Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET},
				A:   net.IPv4(127, 0, 0, 1),
			})
		}
		_ = w.WriteMsg(reply)
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.ActivateAndServe()
	}()
	t.Cleanup(func() {
		_ = server.Shutdown()
		<-done
	})
	return ln.Addr().String()
}
