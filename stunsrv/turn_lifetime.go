package stunsrv

import (
	"encoding/binary"
	"time"

	"github.com/pion/stun/v2"
)

const (
	// defaultLifetime of an allocation (RFC 8656 7.2), which is also the shortest.
	defaultLifetime = 10 * time.Minute
	// pionLifetime is the longest that pion grants: it reads an hour and more as if
	// nothing had been asked.
	pionLifetime = time.Hour - time.Second
)

// lifetime returns what a request for a lifetime is granted (RFC 8656 7.2, 8.2):
// what it asks for, but not less than the default and not more than the
// configured most. 0 in a Refresh gives the allocation back.
func (r *relay) lifetime(m *stun.Message) time.Duration {
	most := min(r.cfg.Lifetime, pionLifetime)
	value, err := m.Get(stun.AttrLifetime)
	if err != nil || len(value) != 4 {
		return min(defaultLifetime, most)
	}
	asked := time.Duration(binary.BigEndian.Uint32(value)) * time.Second
	if asked == 0 && m.Type.Method == stun.MethodRefresh {
		return 0
	}
	return min(max(asked, defaultLifetime), most)
}

// signAnew returns an authenticated request as pion shall see it: with the
// lifetime that it is granted, without what follows the signature and so was not
// signed (RFC 8489 14.5), and signed with the same key. pion has no bound for
// lifetimes of ours, and reads attributes wherever they are.
func (c *turnConn) signAnew(m *stun.Message) (*stun.Message, error) {
	out := &stun.Message{Type: m.Type, TransactionID: m.TransactionID, Raw: make([]byte, 0, turnBuffer)}
	out.WriteHeader()
	for _, attribute := range m.Attributes {
		if attribute.Type == stun.AttrMessageIntegrity {
			break
		}
		// EVEN-PORT is met already; pion would try ports for it.
		if attribute.Type != stun.AttrLifetime && attribute.Type != stun.AttrEvenPort {
			out.Add(attribute.Type, attribute.Value)
		}
	}
	if m.Type.Method == stun.MethodAllocate || m.Type.Method == stun.MethodRefresh {
		seconds := uint32(c.hand.lifetime / time.Second)
		out.Add(stun.AttrLifetime, binary.BigEndian.AppendUint32(nil, seconds))
	}
	return out, stun.MessageIntegrity(c.hand.key).AddTo(out)
}
