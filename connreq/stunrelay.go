package connreq

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// stunRelayPath is where the clients of genieacs-stunrelay post.
const stunRelayPath = "/relay_preconfigured_udp"

const (
	maxStunRelayBody = 4096            // bytes; a Connection Request has 512 at most
	maxStunRelayWait = 3 * time.Second // for the last copy: genieacs-stunrelay answers after as long
	maxPassword      = 1024            // bytes of a password file
)

// stunRelay is the HTTP interface of genieacs-stunrelay: a POST of JSON with
// target_host, target_port and udp_message_string. Unlike there, it demands a
// login, and sends nothing but UDP Connection Requests to bindings that are known.
type stunRelay struct {
	username, password string
	suffix             string // as in relay
	copies             []time.Duration
	pass               *passer
	deps               *acsDeps
	failures           *buckets
	outcome            func(string)
}

// stunRelayRequest has pointers to tell what is missing.
type stunRelayRequest struct {
	Host    *string `json:"target_host"`
	Port    *uint16 `json:"target_port"`
	Message *string `json:"udp_message_string"`
}

type stunRelayAnswer struct {
	Status  string `json:"status,omitempty"`
	Message string `json:"message,omitempty"`
	Detail  string `json:"detail,omitempty"` // of an error
}

func newSTUNRelay(cfg *Config, pass *passer, deps *acsDeps, outcome func(string)) (*stunRelay, error) {
	if deps.ByBinding == nil {
		return nil, errors.New("connreq: Deps.ByBinding is required with stun_relay")
	}
	password, err := readPassword(cfg.STUNRelay.PasswordFile)
	if err != nil {
		return nil, errors.New("connection_request.stun_relay.password_file \"" + cfg.STUNRelay.PasswordFile + "\" " + err.Error())
	}
	s := &stunRelay{
		username: cfg.STUNRelay.Username, password: password, copies: cfg.UDP.Copies, pass: pass, deps: deps, outcome: outcome,
		failures: newBuckets(failureBurst, failureRefill, failureMax),
	}
	if cfg.Relay != nil {
		s.suffix = relaySuffix(cfg.Relay)
	}
	return s, nil
}

func (s *stunRelay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := s.deps.Now()
	source := hash(s.failures, sourceOf(r))
	switch left, _ := s.failures.left(source, now); {
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		s.refuse(w, http.StatusMethodNotAllowed, outcomeMethod, "only POST is possible")
		return
	case !left:
		w.Header().Set("Retry-After", retryAfter(s.failures.refill))
		s.refuse(w, http.StatusTooManyRequests, outcomeLimited, "too many failed logins")
		return
	case !s.authorized(r):
		s.failures.take(source, now)
		w.Header().Set("WWW-Authenticate", `Basic realm="acsgate", charset="UTF-8"`)
		s.refuse(w, http.StatusUnauthorized, outcomeDenied, "a login is required")
		return
	}
	var body stunRelayRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxStunRelayBody)).Decode(&body); err != nil || body.Host == nil || body.Port == nil || body.Message == nil {
		s.refuse(w, http.StatusUnprocessableEntity, string(RefusedForm), "want target_host, target_port and udp_message_string")
		return
	}
	s.serve(r.Context(), w, &body, now)
}

func (s *stunRelay) serve(ctx context.Context, w http.ResponseWriter, body *stunRelayRequest, now time.Time) {
	d, err := ParseDatagram([]byte(*body.Message))
	if err != nil {
		s.refuse(w, http.StatusUnprocessableEntity, refusal(err), "udp_message_string is no UDP Connection Request")
		return
	}
	id, ok := s.device(*body.Host, *body.Port)
	if !ok {
		s.refuse(w, http.StatusNotFound, string(refusedDevice), "no device is known at this address")
		return
	}
	c, err := s.pass.clear(id, &d, now)
	if err == nil {
		err = s.pass.send(&c)
	}
	if err != nil {
		code := http.StatusServiceUnavailable
		if errors.Is(err, refusedDevRate) || errors.Is(err, refusedCopies) || errors.Is(err, refusedRate) {
			code = http.StatusTooManyRequests
		}
		w.Header().Set("Retry-After", retryAfter(s.pass.requests.refill))
		s.refuse(w, code, refusal(err), "the request cannot be delivered now")
		return
	}
	sent := 1 + s.sendCopies(ctx, &c)
	s.outcome(outcomeSent)
	writeJSON(w, http.StatusOK, stunRelayAnswer{Status: "sent_no_reply", Message: "sent " + strconv.Itoa(sent) + " times; CPEs do not reply"})
}

// device finds the device at an address: its binding, or what ACSs are shown in
// its place.
func (s *stunRelay) device(host string, port uint16) (cwmp.DeviceID, bool) {
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err == nil {
		if id, ok := s.deps.ByBinding(netip.AddrPortFrom(addr.Unmap(), port)); ok {
			return id, true
		}
	}
	return deviceAt(s.deps, s.suffix, net.JoinHostPort(strings.Trim(host, "[]"), strconv.Itoa(int(port))))
}

// sendCopies sends the further copies when they are due, and returns how many.
func (s *stunRelay) sendCopies(ctx context.Context, c *cleared) (sent int) {
	at := time.Duration(0)
	for _, due := range s.copies {
		if due <= 0 {
			continue
		}
		if due > maxStunRelayWait {
			break
		}
		wait := time.NewTimer(due - at)
		select {
		case <-ctx.Done():
			wait.Stop()
			return sent
		case <-wait.C:
		}
		at = due
		if s.pass.send(c) == nil {
			sent++
		}
	}
	return sent
}

// authorized checks the login: Basic, Bearer with the password, or the password
// as access_token in the query (RFC 6750 section 2.3), because the client of
// genieacs-stunrelay can be given a URL and nothing else, and refuses one with a
// user name.
func (s *stunRelay) authorized(r *http.Request) bool {
	if username, password, ok := r.BasicAuth(); ok {
		// Not &&, which would tell by its time which of the two is wrong.
		return equal(username, s.username)&equal(password, s.password) == 1
	}
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return equal(strings.TrimSpace(token), s.password) == 1
	}
	return equal(r.URL.Query().Get("access_token"), s.password) == 1
}

func (s *stunRelay) refuse(w http.ResponseWriter, code int, outcome, detail string) {
	s.outcome(outcome)
	writeJSON(w, code, stunRelayAnswer{Detail: detail})
}

func writeJSON(w http.ResponseWriter, code int, answer stunRelayAnswer) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer) // a client that is gone has no remedy
}

// equal compares secrets in a time that depends on neither.
func equal(a, b string) int {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:])
}

// readPassword reads a file that holds a password and perhaps the end of its line.
func readPassword(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return "", errors.New("cannot be read: " + err.Error())
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxPassword+1))
	password := strings.TrimRight(string(raw), "\r\n")
	switch {
	case err != nil:
		return "", errors.New("cannot be read: " + err.Error())
	case password == "":
		return "", errors.New("is empty: write the password into it")
	case len(raw) > maxPassword || strings.ContainsAny(password, "\r\n"):
		return "", errors.New("holds more than one line with a password")
	}
	return password, nil
}
