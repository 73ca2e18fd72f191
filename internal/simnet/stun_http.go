package simnet

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/acsgate/acsgate/internal/httpwire"
)

// RequestForm is how a CPE's HTTP listener answers, down to the byte.
type RequestForm struct {
	Name string
	// Scheme is "digest", "basic" or "" for none.
	Scheme string
	// Challenge is the whole 401; {nonce} stands for the nonce.
	Challenge string
	// OK is the whole answer to a good request, Busy the one of a busy CPE.
	OK, Busy string
	// Close ends the connection after a 401 (quirk C-81).
	Close bool
	// RootURI checks the digest with the URI "/", whatever was asked for.
	RootURI bool
	// RFC2069 refuses answers with qop.
	RFC2069 bool
}

const (
	requestOK   = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	requestBusy = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)

// RequestForms returns the known ways. Challenges of clients that were captured
// are theirs but for the nonce (quirks C-81, C-87).
func RequestForms() []RequestForm {
	const head = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n"
	return []RequestForm{
		{Name: "standard", Scheme: "digest", Challenge: head + `WWW-Authenticate: Digest realm="cpe", qop="auth", nonce="{nonce}", algorithm=MD5` + "\r\n\r\n"},
		{
			Name: "easycwmp", Scheme: "digest", Close: true, OK: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
			Challenge: head + "Connection: close\r\n" + `WWW-Authenticate: Digest realm="realm@easycwmp",qop="auth",nonce="{nonce}",opaque="328458fab28345ae87ab3210a8513b14eff452a2"` + "\r\n\r\n",
		},
		{
			Name: "netcwmp", Scheme: "digest",
			Challenge: "HTTP/1.1 401 Unauthorized\r\n" + `WWW-Authenticate: Digest qop="auth" nonce="{nonce}" opaque="" realm="cwmpd"` + "\r\nServer: TR069Agent\r\nContent-Length: 0\r\n\r\n",
		},
		{
			Name: "tr069agent", Scheme: "digest", Close: true,
			Challenge: "HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Digest\n   realm=\"liveboxrealm\",\n   qop=\"auth\",\n   nonce=\"{nonce}\",\n   opaque=\"EmVl0kakKQkXBsOZFIPyRSEN7yzHDug8\"\n",
			OK:        "HTTP/1.1 200 OK\n",
		},
		{Name: "icwmp", Scheme: "digest", RootURI: true, Challenge: head + `WWW-Authenticate: Digest realm="iopsys", qop="auth", nonce="{nonce}"` + "\r\n\r\n", OK: "HTTP/1.1 204 No Content\r\n\r\n"},
		{Name: "rfc2069", Scheme: "digest", RFC2069: true, Close: true, Challenge: head + `WWW-Authenticate: Digest realm="cpe", nonce="{nonce}"` + "\r\n\r\n"},
		{Name: "basic", Scheme: "basic", Challenge: head + `WWW-Authenticate: Basic realm="cpe"` + "\r\n\r\n"},
		{Name: "open"},
	}
}

// RequestServerConfig describes the HTTP listener of one simulated CPE.
type RequestServerConfig struct {
	// Listener is closed by Run.
	Listener           net.Listener
	Form               RequestForm
	Path               string // with the query, as in ConnectionRequestURL; others are 404
	Username, Password string
	// Busy, if not nil, tells that the CPE has no time: 503.
	Busy func() bool
	// Requested is told of each valid request. It must not block.
	Requested func(ConnectionRequest)
}

// RequestServer takes HTTP Connection Requests as a CPE does (TR-069 3.2.2).
type RequestServer struct {
	cfg     RequestServerConfig
	running sync.WaitGroup
	slots   chan struct{}

	mu     sync.Mutex
	nonces map[string]bool
}

// maxRequestConns bounds the connections of a RequestServer.
const maxRequestConns = 16

// NewRequestServer checks the configuration. It starts nothing.
func NewRequestServer(cfg RequestServerConfig) (*RequestServer, error) {
	if cfg.Listener == nil {
		return nil, errors.New("connection request server without a listener")
	}
	if cfg.Form.Name == "" {
		cfg.Form = RequestForms()[0]
	}
	setDefault(&cfg.Form.OK, requestOK)
	setDefault(&cfg.Form.Busy, requestBusy)
	setDefault(&cfg.Path, "/")
	return &RequestServer{cfg: cfg, slots: make(chan struct{}, maxRequestConns), nonces: map[string]bool{}}, nil
}

// URL is the ConnectionRequestURL of the listener's own address.
func (s *RequestServer) URL() string {
	return "http://" + s.cfg.Listener.Addr().String() + s.cfg.Path
}

// Run serves until the context ends; it returns nil then.
func (s *RequestServer) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { s.cfg.Listener.Close() })
	defer stop()
	defer s.running.Wait()
	for {
		conn, err := s.cfg.Listener.Accept()
		if ctx.Err() != nil {
			if err == nil {
				conn.Close()
			}
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case s.slots <- struct{}{}:
			s.running.Go(func() {
				s.serve(ctx, conn)
				<-s.slots
			})
		default:
			conn.Close()
		}
	}
}

const (
	requestTimeout = 10 * time.Second
	maxConnReqHead = 8 << 10
)

// serve answers the requests of one connection.
func (s *RequestServer) serve(ctx context.Context, conn net.Conn) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	defer conn.Close()
	br := bufio.NewReader(conn)
	for {
		conn.SetDeadline(time.Now().Add(requestTimeout))
		head, err := httpwire.ReadHead(br, maxConnReqHead)
		if err != nil {
			return
		}
		var req httpwire.Request
		if err := httpwire.ParseRequest(head, &req); err != nil {
			return
		}
		answer, again := s.answer(&req)
		if answer == s.cfg.Form.OK && s.cfg.Requested != nil {
			s.cfg.Requested(ConnectionRequest{From: addrPort(conn.RemoteAddr()), Raw: []byte(head), At: time.Now()})
		}
		if _, err := conn.Write([]byte(answer)); err != nil || !again {
			return
		}
	}
}

// answer decides on one request, and whether the connection stays open.
func (s *RequestServer) answer(req *httpwire.Request) (answer string, again bool) {
	form := &s.cfg.Form
	switch {
	case req.Method != "GET":
		return "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n", false
	case req.Target != s.cfg.Path:
		return "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", false
	case !s.authorised(req):
		nonce := rand.Text()
		s.mu.Lock()
		if len(s.nonces) >= 1000 {
			clear(s.nonces)
		}
		s.nonces[nonce] = true
		s.mu.Unlock()
		return strings.ReplaceAll(form.Challenge, "{nonce}", nonce), !form.Close
	case s.cfg.Busy != nil && s.cfg.Busy():
		return form.Busy, false
	}
	return form.OK, !form.Close
}

// authorised checks the answer to the challenge.
func (s *RequestServer) authorised(req *httpwire.Request) bool {
	form := &s.cfg.Form
	value := req.Fields.Get("Authorization")
	switch form.Scheme {
	case "":
		return true
	case "basic":
		want := "Basic " + base64.StdEncoding.EncodeToString([]byte(s.cfg.Username+":"+s.cfg.Password))
		return subtle.ConstantTimeCompare([]byte(value), []byte(want)) == 1
	}
	scheme, p := parseAuth(value)
	s.mu.Lock()
	known := s.nonces[p["nonce"]]
	s.mu.Unlock()
	if !strings.EqualFold(scheme, "digest") || p["username"] != s.cfg.Username || !known || form.RFC2069 && p["qop"] != "" {
		return false
	}
	d := digest{
		Algorithm: p["algorithm"], Username: p["username"], Realm: p["realm"], Password: s.cfg.Password,
		Method: "GET", URI: s.cfg.Path, Nonce: p["nonce"], NC: p["nc"], CNonce: p["cnonce"], QOP: p["qop"],
	}
	if form.RootURI {
		d.URI = "/"
	} else if p["uri"] != s.cfg.Path {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(p["response"]), []byte(d.response())) == 1
}
