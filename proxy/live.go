package proxy

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// LiveSession is a session that is under way.
type LiveSession struct {
	Device       cwmp.DeviceID
	Known        bool   // an Inform named the device
	ACS          string // that holds the session
	Rule, Reason string // why it went there
	Listener     string
	Remote       netip.AddrPort
	TLS          string // version, "" for plain HTTP
	Started      time.Time
	LastUse      time.Time // when the CPE or the ACS last said something
	Exchanges    int
	LastRPC      string // "" before the first
}

// liveView is what others may see of a session that runs. The session's turn
// writes it.
type liveView struct {
	mu sync.Mutex
	is LiveSession // but for LastUse
}

func (v *liveView) exchanged() {
	v.mu.Lock()
	v.is.Exchanges++
	v.mu.Unlock()
}

func (v *liveView) said(method string) {
	v.mu.Lock()
	v.is.LastRPC = method
	v.mu.Unlock()
}

// show publishes where the session is and whose. The caller has its turn.
func (s *session) show() {
	v := &s.live
	v.mu.Lock()
	v.is.Device, v.is.Known = s.device, s.known
	v.is.ACS, v.is.Rule, v.is.Reason = s.up.cfg.Name, s.route.Rule, s.route.Reason
	v.mu.Unlock()
}

// view returns what others see of the session.
func (s *session) view() LiveSession {
	s.live.mu.Lock()
	is := s.live.is
	s.live.mu.Unlock()
	is.LastUse = time.Unix(0, s.lastUse.Load())
	return is
}

// Sessions returns the newest sessions that run and that keep wants, at most
// limit of them, newest first. A nil keep wants all.
func (s *Server) Sessions(limit int, keep func(*LiveSession) bool) []LiveSession {
	if limit <= 0 {
		return nil
	}
	var found []LiveSession
	oldest := time.Time{} // of those that are found, once there are enough
	s.table.byID.Range(func(_ string, sess *session) bool {
		if sess.over.Load() || !sess.started.After(oldest) {
			return true
		}
		if is := sess.view(); keep == nil || keep(&is) {
			found = append(found, is)
		}
		if len(found) == 2*limit {
			found = newest(found, limit)
			oldest = found[limit-1].Started
		}
		return true
	})
	return newest(found, limit)
}

// newest sorts sessions, the newest first, and cuts what is beyond limit.
func newest(sessions []LiveSession, limit int) []LiveSession {
	slices.SortFunc(sessions, func(a, b LiveSession) int { return b.Started.Compare(a.Started) })
	return sessions[:min(len(sessions), limit)]
}

// SessionCount returns how many sessions an ACS holds, its visits by the mirror
// included and those not that the gateway answers itself; with "", how many
// sessions run in all. It costs little.
func (s *Server) SessionCount(acs string) int {
	if acs == "" {
		return int(s.table.live.Load())
	}
	s.admissionMu.Lock()
	a := s.admissions[acs]
	s.admissionMu.Unlock()
	if a == nil {
		return 0
	}
	return int(a.running.Load())
}
