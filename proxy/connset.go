package proxy

import (
	"time"

	"github.com/puzpuzpuz/xsync/v4"
)

// connSet knows the open CPE connections, to close them when the server stops.
type connSet struct {
	open *xsync.Map[*cpeConn, struct{}]
}

func newConnSet() connSet { return connSet{xsync.NewMap[*cpeConn, struct{}]()} }

func (s *connSet) add(c *cpeConn)    { s.open.Store(c, struct{}{}) }
func (s *connSet) remove(c *cpeConn) { s.open.Delete(c) }

// closeAll closes idle connections at once and the others when they have
// written the answer that they are at, or after the grace.
func (s *connSet) closeAll(grace time.Duration) {
	for end := time.Now().Add(grace); ; time.Sleep(5 * time.Millisecond) {
		busy := 0
		force := !time.Now().Before(end)
		s.open.Range(func(c *cpeConn, _ struct{}) bool {
			if c.busy.Load() && !force {
				busy++
				return true
			}
			c.closeNow()
			return true
		})
		if busy == 0 || force {
			return
		}
	}
}
