package capture

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/httpwire"
)

// Session is what is known of a session whose messages are recorded.
type Session struct {
	At          time.Time
	Started     time.Time // earlier than At if the session ran already
	Device      cwmp.DeviceID
	Listener    string
	Remote      netip.AddrPort
	Local       netip.AddrPort
	TLS         string // version, "" for plain HTTP
	CipherSuite string
	ServerName  string
	ClientCert  string // subject, "" for none
	ACS         string
	Rule        string
	Reason      string
}

// Directions of a Message.
const (
	FromCPE = "cpe>gateway"
	ToACS   = "gateway>acs"
	FromACS = "acs>gateway"
	ToCPE   = "gateway>cpe"
)

// Message is one HTTP message.
type Message struct {
	At        time.Time
	Leg       int // number of the exchange with the CPE, from 1
	Direction string
	ACS       string // the other side of ToACS and FromACS
	Own       bool   // the gateway says this itself
	Secure    bool   // by TLS
	Method    string // of requests
	Target    string
	Status    int // of answers
	Reason    string
	Header    httpwire.Fields
	Body      []byte
	Error     string // why there is no answer of the ACS
}

// recording is one capture.
type recording struct {
	id, by  string
	device  cwmp.DeviceID
	started time.Time
	cfg     *Config
	metrics *metrics
	stopped atomic.Bool

	mu       sync.Mutex
	ends     time.Time
	sessions []*session
	records  []record
	bytes    int
	cut      int
}

// session is one session of a recording.
type session struct {
	Session
	ended   time.Time // zero: it runs, or was still running at the end
	outcome string
}

// record is a message with its secrets masked.
type record struct {
	session int // place in recording.sessions
	Message     // without its body
	body    string
}

func (r *recording) runs(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.stopped.Load() && now.Before(r.ends)
}

func (r *recording) stop(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.stopped.Swap(true) && now.Before(r.ends) {
		r.ends = now
	}
}

func (r *recording) forgotten(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !now.Before(r.ends.Add(r.cfg.Keep))
}

func (r *recording) view(now time.Time) View {
	r.mu.Lock()
	defer r.mu.Unlock()
	return View{
		ID: r.id, Device: r.device, By: r.by, Started: r.started, Ends: r.ends,
		Running:  !r.stopped.Load() && now.Before(r.ends),
		Sessions: len(r.sessions), Messages: len(r.records), Bytes: r.bytes, Cut: r.cut,
	}
}

// Tape records one session. Its methods are called one after the other.
type Tape struct {
	of      *recording
	now     func() time.Time
	session int // place in the recording, -1 where there was no room
	secrets secrets
}

// Begin notes what is known of the session. It comes before all messages.
func (t *Tape) Begin(s Session) {
	s.ServerName, s.ClientCert, s.Reason = maskLine(s.ServerName), maskLine(s.ClientCert), maskLine(s.Reason)
	size := recordSize + len(s.ServerName) + len(s.ClientCert) + len(s.Reason)
	r := t.of
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.session = -1; r.bytes+size <= r.cfg.Bytes && len(r.sessions) < r.cfg.Messages {
		t.session = len(r.sessions)
		r.bytes += size
		r.sessions = append(r.sessions, &session{Session: s})
	}
}

// recordSize is what a record takes beside its texts, in bytes, about.
const recordSize = 256

// Message records a message, masked. It takes nothing of m to keep but copies.
func (t *Tape) Message(m Message) {
	if !t.of.runs(t.now()) {
		return
	}
	if t.full() {
		t.add(nil) // the work of masking is spared
		return
	}
	rec := t.secrets.mask(&m)
	t.add(&rec)
}

// full tells that nothing finds room any more.
func (t *Tape) full() bool {
	r := t.of
	r.mu.Lock()
	defer r.mu.Unlock()
	return t.session < 0 || len(r.records) >= r.cfg.Messages || r.bytes+recordSize > r.cfg.Bytes
}

func (t *Tape) add(rec *record) {
	r := t.of
	size := recordSize
	if rec != nil {
		rec.session = t.session
		size += rec.size()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if rec == nil || len(r.records) >= r.cfg.Messages || r.bytes+size > r.cfg.Bytes {
		r.cut++
		r.metrics.cut.Inc()
		return
	}
	r.bytes += size
	r.records = append(r.records, *rec)
	r.metrics.kept.Inc()
}

// End notes how the session ended.
func (t *Tape) End(at time.Time, outcome string) {
	t.secrets = secrets{}
	if t.session < 0 || !t.of.runs(t.now()) {
		return
	}
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	ended := *t.of.sessions[t.session] // the old one may be being written
	ended.ended, ended.outcome = at, outcome
	t.of.sessions[t.session] = &ended
}

func (r *record) size() int {
	n := len(r.body) + len(r.Target) + len(r.Reason) + len(r.Error)
	for i := range r.Header {
		n += len(r.Header[i].Name) + len(r.Header[i].Value) + 32
	}
	return n
}
