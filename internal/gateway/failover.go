package gateway

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/campaign"
	"github.com/acsgate/acsgate/policy"
)

// failoverChange is an ACS whose sessions have begun to go to its backup, or to
// come home.
type failoverChange struct {
	acs, backup string
	away        bool
}

const (
	maxFailoverChanges = 256
	failoverTimeout    = 30 * time.Second
)

// noteAway hands a change of health to who rewrites URLs. It does not block.
func (g *Gateway) noteAway(s policy.Status) {
	select {
	case g.moves.failovers <- failoverChange{s.ACS, s.Backup, s.Away}:
	default:
		g.log.Warn("failover by rewriting is behind: a change of health is left out", zap.String("acs", s.ACS))
	}
}

// run runs the campaigns, and begins and ends failovers that rewrite.
func (m *moves) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- m.campaigns.Run(ctx) }()
	for {
		select {
		case err := <-done:
			return err
		case change := <-m.failovers:
			m.apply(ctx, change)
		}
	}
}

// applyFailover begins to set the URLs of an ACS's devices to its backup's, or to
// set them back, where it is configured so.
func (g *Gateway) applyFailover(ctx context.Context, c failoverChange) {
	if !g.rules.Load().named(c.acs).rewrites {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, failoverTimeout)
	defer cancel()
	var err error
	if c.away {
		err = g.moves.campaigns.Failover(ctx, c.acs, c.backup, campaign.Definition{})
	} else {
		err = g.moves.campaigns.Return(ctx, c.acs)
	}
	if err != nil {
		g.log.Error("failover by rewriting", zap.String("acs", c.acs), zap.String("backup", c.backup), zap.Bool("away", c.away), zap.Error(err))
	}
}
