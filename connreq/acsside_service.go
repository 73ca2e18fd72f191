package connreq

import (
	"github.com/acsgate/acsgate/internal/cwmp"
)

// addACSSide makes what ACSs reach, and binds its sockets.
func (s *Service) addACSSide() (err error) {
	deps := acsDeps{
		Target: s.deps.Target, SendUDP: s.deps.SendUDP, ByToken: s.deps.ByToken, ByBinding: s.deps.ByBinding,
		Begin: s.beginForACS, NoteRelayed: s.NoteRelayed, NonceKey: s.deps.NonceKey,
		Store: s.deps.Store, Metrics: s.deps.Metrics, Log: s.log, Now: s.deps.Now,
	}
	for _, w := range s.ways {
		if h, ok := w.Transport.(*httpTransport); ok {
			deps.Exchange = h.Exchange
		}
	}
	s.acs, err = newACSSide(&s.cfg, deps)
	return err
}

func (s *Service) beginForACS(id cwmp.DeviceID, origin string) (begun, error) {
	p, err := s.Begin(id, origin)
	if err != nil {
		return begun{}, err
	}
	return begun{Sent: p.Sent(), Done: p.Done(), Err: p.Err, Result: p.Result}, nil
}

// Port returns the port of the relay that ACSs see for a device, and gives it one
// if it has none yet. It is 0 where the relay has no ports, or none is left. It
// does not block.
func (s *Service) Port(id cwmp.DeviceID) uint16 {
	if s.acs.ports == nil {
		return 0
	}
	port, _ := s.acs.ports.Port(id)
	return port
}
