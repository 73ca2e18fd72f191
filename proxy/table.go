package proxy

import (
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/puzpuzpuz/xsync/v4"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// table finds sessions by cookie, by device and by the nonces that their ACSs
// have challenged with. Safe for concurrent use.
type table struct {
	byID     *xsync.Map[string, *session]
	byDevice *xsync.Map[cwmp.Key, *session]
	byNonce  *xsync.Map[string, nonceUse]
	holders  *xsync.Map[challenged, []*session] // the slices are never changed in place
	live     atomic.Int64
}

// nonceUse tells of the live sessions that were challenged with one nonce. An
// ACS that gives everybody the same nonce makes it worthless as proof of a
// session, which shared remembers.
type nonceUse struct {
	sessions int
	shared   bool
}

// challenged is a nonce and where it went: an answer counts from there alone.
type challenged struct {
	nonce  string
	source netip.Addr
}

func newTable() *table {
	return &table{
		byID:     xsync.NewMap[string, *session](),
		byDevice: xsync.NewMap[cwmp.Key, *session](),
		byNonce:  xsync.NewMap[string, nonceUse](),
		holders:  xsync.NewMap[challenged, []*session](),
	}
}

// add enters a session, unless the table holds max already.
func (t *table) add(s *session, limit int) bool {
	if t.live.Add(1) > int64(limit) {
		t.live.Add(-1)
		return false
	}
	t.byID.Store(s.id, s)
	return true
}

// replace makes s the session of its device, if old still is that; nil stands
// for none.
func (t *table) replace(old, s *session) (done bool) {
	t.byDevice.Compute(s.device.Key(), func(was *session, _ bool) (*session, xsync.ComputeOp) {
		if done = was == old; !done {
			return was, xsync.CancelOp
		}
		return s, xsync.UpdateOp
	})
	return done
}

// of returns the live session of a device, or nil.
func (t *table) of(id cwmp.DeviceID) *session {
	s, _ := t.byDevice.Load(id.Key())
	return s
}

// maxNonces bounds the challenges of one session that are remembered, and
// maxNonce the bytes of each.
const (
	maxNonces = 4
	maxNonce  = 1 << 10
)

// challenged notes that the session's ACS sent this nonce. The caller has the
// session's turn.
func (t *table) challenged(s *session, nonce string) {
	if slices.Contains(s.nonces, nonce) || len(nonce) > maxNonce {
		return
	}
	nonce = strings.Clone(nonce) // lets the reply's head go
	if len(s.nonces) == maxNonces {
		t.forget(s, s.nonces[0])
		s.nonces = slices.Delete(s.nonces, 0, 1)
	}
	s.nonces = append(s.nonces, nonce)
	t.byNonce.Compute(nonce, func(u nonceUse, _ bool) (nonceUse, xsync.ComputeOp) {
		u.sessions++
		u.shared = u.shared || u.sessions > 1
		return u, xsync.UpdateOp
	})
	t.holders.Compute(challenged{nonce, s.source}, func(h []*session, _ bool) ([]*session, xsync.ComputeOp) {
		return append(slices.Clone(h), s), xsync.UpdateOp
	})
}

// heldBy returns the sessions that were challenged with a nonce at a source, and
// whether others, there or elsewhere, were too.
func (t *table) heldBy(nonce string, source netip.Addr) (sessions []*session, shared bool) {
	sessions, _ = t.holders.Load(challenged{nonce, source})
	use, _ := t.byNonce.Load(nonce)
	return sessions, use.shared
}

// forget undoes challenged for one of the session's nonces.
func (t *table) forget(s *session, nonce string) {
	t.holders.Compute(challenged{nonce, s.source}, func(h []*session, _ bool) ([]*session, xsync.ComputeOp) {
		if len(h) <= 1 {
			return nil, xsync.DeleteOp
		}
		return slices.DeleteFunc(slices.Clone(h), func(other *session) bool { return other == s }), xsync.UpdateOp
	})
	t.byNonce.Compute(nonce, func(u nonceUse, _ bool) (nonceUse, xsync.ComputeOp) {
		if u.sessions--; u.sessions <= 0 {
			return u, xsync.DeleteOp
		}
		return u, xsync.UpdateOp
	})
}

// leave takes a session that has ended out of all but the cookie index, where
// it stays a moment as a tombstone. The caller has the session's turn.
func (t *table) leave(s *session) {
	t.live.Add(-1)
	if s.known {
		t.byDevice.Compute(s.device.Key(), func(was *session, loaded bool) (*session, xsync.ComputeOp) {
			if loaded && was == s {
				return nil, xsync.DeleteOp
			}
			return was, xsync.CancelOp
		})
	}
	for _, nonce := range s.nonces {
		t.forget(s, nonce)
	}
	s.nonces = nil
}

// tombstone is how long the end of a session is remembered, to answer RDK-B's
// stray empty POST (protocol notes 1.5).
const tombstone = 2 * strayTime
