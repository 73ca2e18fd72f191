package proxy

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/httpwire"
)

// Results of showing an Inform to another ACS, the values of a metric label.
const (
	mirrorShown      = "shown"      // answered with InformResponse
	mirrorChallenged = "challenged" // answered with 401: the CPE's login is not for that ACS
	mirrorRefused    = "refused"    // by the limits of that ACS, or answered with anything else
	mirrorFailed     = "failed"     // no whole answer in time
	mirrorDropped    = "dropped"    // not tried, or broken off because the CPE itself came
)

// Bounds of mirroring: Informs that wait, and those that are shown at a time.
const (
	mirrorQueue   = 256
	mirrorWorkers = 8
)

// mirror shows copies of Informs to ACSs that do not serve the CPEs. No session
// waits for it.
type mirror struct {
	queue chan *reflection

	mu     sync.Mutex
	visits map[cwmp.Key]*reflection // that are under way
}

func newMirror() *mirror {
	return &mirror{queue: make(chan *reflection, mirrorQueue), visits: map[cwmp.Key]*reflection{}}
}

// reflection is the copy of an Inform on its way to another ACS. It holds nothing
// of the request that it was made of.
type reflection struct {
	of     *session // for comparison alone: its turn is somebody else's
	device cwmp.DeviceID
	route  Route
	ln     *listener
	up     *upstream
	gen    *generation
	head   []byte // of the Inform
	body   []byte
	end    []byte // head of the empty POST behind it, without cookies
	loan   loan

	cookies jar
	cancel  context.CancelFunc // set while under way
}

// reflect queues a copy of an Inform that an ACS has accepted for the ACS that it
// is to be shown to, if any. The caller has the session's turn.
func (s *Server) reflect(c *cpeConn, sess *session, r *request) {
	if s.deps.Mirror == nil || sess.device.SerialNumber == "" { // nobody in particular (quirk C-52)
		return
	}
	acs := s.deps.Mirror(sess.device, sess.route)
	up := sess.gen.upstreams[acs]
	if up == nil || up == sess.up {
		return
	}
	m := &reflection{
		of: sess, device: sess.device, route: sess.route, ln: c.ln, up: up, gen: sess.gen, loan: loan{from: &s.memory},
	}
	if len(s.mirror.queue) == cap(s.mirror.queue) || len(r.body) > pooledBody && m.loan.reserve(len(r.body)) != nil {
		s.reflected(m, mirrorDropped)
		return
	}
	m.copy(c, r)
	select {
	case s.mirror.queue <- m:
	default:
		s.reflected(m, mirrorDropped)
	}
}

// copy takes what the CPE has sent. Its login and the gateway's cookie are not for
// the other ACS.
func (m *reflection) copy(c *cpeConn, r *request) {
	body := r.body
	if r.unedited != nil { // what is edited is meant for the ACS of the session
		body = r.unedited
	}
	m.body = slices.Clone(body)
	visitor := &session{up: m.up, to: m.up.base, withheld: true}
	was := &request{head: r.head, path: r.path, body: m.body, decoded: r.decoded}
	m.head = visitor.appendRequest(nil, c, was)
	empty := &request{head: r.head, path: r.path, decoded: true, edited: true}
	empty.head.Fields = slices.DeleteFunc(slices.Clone(r.head.Fields), func(f httpwire.Field) bool {
		return strings.EqualFold(f.Name, "Content-Type") || strings.EqualFold(f.Name, "SOAPAction") // TR-069 3.4.1
	})
	m.end = visitor.appendRequest(nil, c, empty)
}

// reflected counts what came of a copy and lets go of its memory.
func (s *Server) reflected(m *reflection, result string) {
	m.loan.release()
	s.metrics.mirrored.WithLabelValues(m.up.cfg.Name, result).Inc()
}

// showReflections shows copies, one after the other, until the server stops.
func (s *Server) showReflections() {
	for s.life.Err() == nil {
		select {
		case <-s.life.Done():
		case m := <-s.mirror.queue:
			s.reflected(m, s.show(m))
		}
	}
}

// dropReflections drops what waits when the server has stopped.
func (s *Server) dropReflections() {
	for {
		select {
		case m := <-s.mirror.queue:
			s.reflected(m, mirrorDropped)
		default:
			return
		}
	}
}

// show holds a session with the other ACS in place of the CPE, as far as that goes
// without answering anything.
func (s *Server) show(m *reflection) (result string) {
	result = mirrorFailed
	defer s.recoverPanic(m.ln)
	ctx, cancel := context.WithTimeout(s.life, m.up.cfg.ResponseTimeout)
	defer cancel()
	m.cancel = cancel
	if !s.mirror.enter(m) {
		return mirrorDropped
	}
	defer s.mirror.leave(m)
	// The CPE may have come again meanwhile. A session that begins after this
	// breaks the visit off itself.
	if now := s.table.of(m.device); now != nil && now != m.of || s.deps.Mirror(m.device, m.route) != m.up.cfg.Name {
		return mirrorDropped
	}
	if limit := m.up.admission.enter(time.Now()); limit != "" {
		return mirrorRefused
	}
	defer m.up.admission.leave()
	result = m.visit(ctx)
	if result == mirrorFailed && errors.Is(ctx.Err(), context.Canceled) {
		return mirrorDropped
	}
	return result
}

// visit posts the Inform and, when it was taken, an empty request, as the end of
// the session. What the ACS asks then is read and not answered.
func (m *reflection) visit(ctx context.Context) string {
	conn, reply, err := m.post(ctx, nil, m.head, m.body)
	if err != nil {
		return mirrorFailed
	}
	defer func() { conn.close() }()
	status, msg := reply.head.Status, scanReply(&reply, reply.scanOptions(nil))
	taken := status == 200 && msg.Method == cwmp.MethodInform+"Response"
	m.cookies.store(reply.head.Fields, time.Now())
	keep := reply.keep
	reply.release()
	switch {
	case status == 401:
		return mirrorChallenged
	case !taken:
		return mirrorRefused
	}
	open := conn
	if !keep {
		conn.close()
		open = nil
	}
	end := append(m.cookies.appendTo(m.end[:len(m.end)-len("\r\n")]), "\r\n"...)
	if last, reply, err := m.post(ctx, open, end, nil); err == nil {
		conn = last
		reply.release()
	}
	return mirrorShown // whatever the ACS thinks of its end
}

// post does one exchange, on a new connection if conn is nil. The connection is
// closed where it fails.
func (m *reflection) post(ctx context.Context, conn *acsConn, head, body []byte) (*acsConn, acsReply, error) {
	deadline, _ := ctx.Deadline()
	if conn == nil {
		var err error
		if conn, err = m.up.dial(m.up.base, deadline); err != nil {
			return nil, acsReply{}, err
		}
	}
	stop := context.AfterFunc(ctx, conn.close)
	defer stop()
	if err := ctx.Err(); err != nil {
		conn.close()
		return nil, acsReply{}, err
	}
	answer := loan{from: m.loan.from}
	defer answer.release()
	reply, err := conn.roundTrip(head, body, deadline, int64(m.gen.cfg.Limits.BodyBytes), &answer)
	if err != nil {
		conn.close()
		return nil, acsReply{}, err
	}
	return conn, reply, nil
}

// enter begins a visit, unless there is one of the same device.
func (m *mirror) enter(r *reflection) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.visits[r.device.Key()] != nil {
		return false
	}
	m.visits[r.device.Key()] = r
	return true
}

func (m *mirror) leave(r *reflection) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.visits, r.device.Key())
}

// breakOff ends the visit of a device to an ACS, if there is one, and tells
// whether there was.
func (m *mirror) breakOff(id cwmp.DeviceID, acs string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	visit := m.visits[id.Key()]
	if visit == nil || visit.up.cfg.Name != acs {
		return false
	}
	visit.cancel()
	return true
}

// makeWay has the ACS of a session see nothing else of its device: it would refuse
// a second session (quirk U8). The session is its device's by now.
func (s *Server) makeWay(sess *session) {
	if s.deps.Mirror != nil && s.mirror.breakOff(sess.device, sess.up.cfg.Name) {
		s.sleep(supersedePause)
	}
}
