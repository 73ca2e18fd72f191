package gateway

import (
	"context"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/journal"
	"github.com/acsgate/acsgate/internal/tlsconf"
)

// certificateInterval lies between two looks at the certificates.
const certificateInterval = 15 * time.Second

// watchCertificates tells of certificates that have changed, until ctx ends. They
// do so a few times a year, so that it looks now and then, and after a reload.
func (g *Gateway) watchCertificates(ctx context.Context) error {
	seen := map[string]string{}
	tick := time.NewTicker(certificateInterval)
	defer tick.Stop()
	for first := true; ; first = false {
		for _, s := range g.tls.Status() {
			name, now := s.Source+" "+s.File+" "+s.Name, s.State+" "+s.NotAfter.String()+" "+s.LastError
			if was, known := seen[name]; !first && (!known || was != now) {
				g.publishCertificate(&s)
			}
			seen[name] = now
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-g.reloaded:
		}
	}
}

func (g *Gateway) publishCertificate(s *tlsconf.CertStatus) {
	text := "certificate of " + strings.Join(s.Names, ", ") + " is " + certificateWords[s.State]
	if s.State != tlsconf.StateExpired && !s.NotAfter.IsZero() {
		text += ", valid until " + clock(s.NotAfter)
	}
	if s.LastError != "" {
		text += ": " + s.LastError
	}
	g.journal.Publish(journal.Event{
		Kind: journal.KindCertificate, Text: text, Data: &journal.Certificate{Names: s.Names, Change: certificateWords[s.State], Reason: s.LastError},
	})
}
