package proxy

import (
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// recognise finds the session that a request belongs to: by our cookie, else by
// the connection, else by a digest answer from the same source (quirk C-01).
// Nothing else counts: two devices behind one address must never be mixed, so
// the source address alone proves nothing.
func (s *Server) recognise(c *cpeConn, r *request, gen *generation) *session {
	if sess := s.byCookie(c, r, gen.cfg.Session.Cookie); sess != nil {
		return sess
	}
	if c.session != nil {
		return c.session
	}
	if r.digest {
		return s.byDigest(c, r)
	}
	return nil
}

// byCookie also finds a session that has just ended. A session that began with
// a client certificate is only found by the holder of that certificate, one of
// TLS only through TLS, and a cookie overheard on plain HTTP opens neither.
func (s *Server) byCookie(c *cpeConn, r *request, name string) (found *session) {
	eachCookie(r.head.Fields, name, func(value string) {
		if sess, ok := s.table.byID.Load(value); ok && found == nil && sess.transport == c.transport {
			found = sess
		}
	})
	if found != nil {
		r.cookieOf = found
	}
	return found
}

// byDigest finds the session whose challenge is answered. A nonce that went to
// this one session alone is proof enough; one that an ACS gives to everybody
// needs the user name, or the device of an Inform, to be that session's.
func (s *Server) byDigest(c *cpeConn, r *request) (found *session) {
	holders, shared := s.table.heldBy(r.answer.nonce, c.remote.Addr())
	for _, sess := range holders {
		if sess.transport != c.transport || sess.over.Load() {
			continue
		}
		if shared && !sess.saidToBe(r) {
			continue
		}
		if found != nil {
			return nil // two that fit are none
		}
		found = sess
	}
	return found
}

// saidToBe tells whether the request speaks of the session's device or user. A
// session that is busy elsewhere is not asked.
func (sess *session) saidToBe(r *request) bool {
	if !sess.tryTake() {
		return false
	}
	defer sess.give()
	if r.isInform() {
		return sess.known && sess.device.Key() == r.msg.Device.Key()
	}
	return sess.username != "" && sess.username == r.answer.username
}

// resumes tells whether an Inform goes on with this session: it has not been
// answered yet, because the ACS challenged it or asked to retry, and it is of
// the same device. The caller has the session's turn. Any other Inform begins
// a new session (quirks C-03, C-08, C-54).
func (sess *session) resumes(id cwmp.DeviceID) bool {
	return !sess.opened && sess.known && sess.device.Key() == id.Key()
}

// answersStray tells whether a request to a session that has ended is one that
// is answered with 204 here: the one empty POST that RDK-B sends after the end.
// A later one begins something new: netcwmp and tr069agent post empty to fetch
// a challenge (quirk C-04). The caller has the session's turn.
func (sess *session) answersStray(r *request, now time.Time) bool {
	recent := now.Sub(sess.endedAt) < strayTime
	if r.msg.Kind != cwmp.Empty || sess.strayAnswered || !recent {
		return false
	}
	sess.strayAnswered = true
	return true
}

// strayTime is when a stray empty POST comes: at once.
const strayTime = 2 * time.Second
