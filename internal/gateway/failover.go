package gateway

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/campaign"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/policy"
)

const (
	failoverTimeout  = 30 * time.Second
	failoverInterval = time.Second // between two looks at the health of the ACSs
	failoverRetry    = 15 * time.Second
)

// failovers begins and ends the setting of URLs that follows the health of the
// ACSs. It looks at where sessions go now, and not at changes: a change that comes
// to nothing because the store or the backup's URL does not answer is made later,
// and so is one that a gateway before this one has not lived to see.
type failovers struct {
	snapshot func() *policy.Snapshot
	rules    func(acs string) *acsRules
	begin    func(ctx context.Context, acs, backup string) error
	end      func(ctx context.Context, acs string) error
	log      *zap.Logger

	made map[string]*madeChange // by ACS; of follow alone
}

// madeChange is the last change of an ACS.
type madeChange struct {
	away   bool
	failed string    // why it could not be made, "" if it was
	next   time.Time // when it is tried again
}

func (g *Gateway) makeFailovers() *failovers {
	return &failovers{
		snapshot: g.health.Snapshot, rules: func(acs string) *acsRules { return g.rules.Load().named(acs) },
		begin: func(ctx context.Context, acs, backup string) error {
			return g.moves.campaigns.Failover(ctx, acs, backup, campaign.Definition{})
		},
		end: g.moves.campaigns.Return, log: g.log, made: map[string]*madeChange{},
	}
}

// run runs the campaigns, and begins and ends failovers that rewrite.
func (m *moves) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- m.campaigns.Run(ctx) }()
	tick := time.NewTicker(failoverInterval)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case now := <-tick.C:
			m.failovers.follow(ctx, now)
		}
	}
}

// follow makes the changes that the ACSs' health asks for.
func (f *failovers) follow(ctx context.Context, now time.Time) {
	for _, s := range f.snapshot().States() {
		r := f.rules(s.ACS)
		away, due := failoverDue(&s, r)
		last := f.made[s.ACS]
		switch {
		case !due, last != nil && last.away == away && (last.failed == "" || now.Before(last.next)):
			continue
		case last == nil || last.away != away:
			last = &madeChange{away: away}
			f.made[s.ACS] = last
		}
		err := f.apply(ctx, &s)
		if err == nil {
			last.failed = ""
			continue
		}
		if last.next = now.Add(failoverRetry); last.failed != err.Error() {
			f.log.Error("failover by rewriting: it is tried again", zap.String("acs", s.ACS), zap.String("backup", s.Backup), zap.Bool("away", away), zap.Error(err))
		}
		last.failed = err.Error()
	}
}

// failoverDue tells where the URLs of an ACS's devices should lead, and whether
// that is known: an ACS is taken to be up when a gateway begins, and must have
// answered before its devices are called home.
func failoverDue(s *policy.Status, r *acsRules) (away, known bool) {
	answered := s.Counts.ProbeOK+s.Counts.SessionOK > 0
	switch {
	case s.Away:
		return true, r.rewrites
	case s.State == policy.Down:
		return false, false
	case !s.Moved.IsZero():
		return false, true
	}
	return false, s.State == policy.Up && answered && !r.returnsWhenTold
}

// placement returns where a campaign has moved a device to. A failover keeps no
// device at a backup that is down while the ACS that it stands in for is not.
func (g *Gateway) placement(id cwmp.DeviceID) (acs, by string) {
	acs, by, ok := g.moves.campaigns.Placement(id)
	home, failover := campaign.FailedOver(by)
	if !ok || !failover {
		return acs, by
	}
	snapshot := g.health.Snapshot()
	backup, _ := snapshot.Status(acs)
	if s, known := snapshot.Status(home); known && s.State != policy.Down && backup.State == policy.Down {
		return "", ""
	}
	return acs, by
}

// apply makes one change.
func (f *failovers) apply(ctx context.Context, s *policy.Status) error {
	ctx, cancel := context.WithTimeout(ctx, failoverTimeout)
	defer cancel()
	if s.Away {
		return f.begin(ctx, s.ACS, s.Backup)
	}
	return f.end(ctx, s.ACS)
}
