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
	begin    func(ctx context.Context, acs, backup string, d campaign.Definition) error
	end      func(ctx context.Context, acs string) error
	up       func(ctx context.Context, acs string) error
	log      *zap.Logger

	made map[string]*madeChange // by ACS; of follow alone
}

// turn is what an ACS's health asks for.
type turn string

const (
	noTurn   turn = ""         // nothing, or nobody knows
	toBackup turn = "backup"   // the URLs of its devices are to lead to the backup
	toHome   turn = "home"     // they are to lead to it
	isUp     turn = "up again" // it is up, and an operator says whether they are
)

// madeChange is the last change of an ACS.
type madeChange struct {
	turn   turn
	failed string    // why it could not be made, "" if it was
	next   time.Time // when it is tried again
}

func (g *Gateway) makeFailovers() *failovers {
	c := g.moves.campaigns
	return &failovers{
		snapshot: g.health.Snapshot, rules: func(acs string) *acsRules { return g.rules.Load().named(acs) },
		begin: c.Failover, end: c.Return, up: c.Recovered, log: g.log, made: map[string]*madeChange{},
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
		due := failoverDue(&s, r)
		last := f.made[s.ACS]
		switch {
		case due == noTurn, last != nil && last.turn == due && (last.failed == "" || now.Before(last.next)):
			continue
		case last == nil || last.turn != due:
			last = &madeChange{turn: due}
			f.made[s.ACS] = last
		}
		err := f.apply(ctx, &s, r, due)
		if err == nil {
			last.failed = ""
			continue
		}
		if last.next = now.Add(failoverRetry); last.failed != err.Error() {
			f.log.Error("failover by rewriting: it is tried again", zap.String("acs", s.ACS), zap.String("backup", s.Backup), zap.String("to", string(due)), zap.Error(err))
		}
		last.failed = err.Error()
	}
}

// failoverDue tells what the health of an ACS asks for. An ACS is taken to be up
// when a gateway begins, and must have answered before its devices are called home.
func failoverDue(s *policy.Status, r *acsRules) turn {
	answered := s.Counts.ProbeOK+s.Counts.SessionOK > 0
	switch {
	case s.Away && r.rewrites:
		return toBackup
	case s.Away, s.State == policy.Down:
		return noTurn
	case !s.Moved.IsZero():
		return toHome
	case s.State != policy.Up || !answered:
		return noTurn
	case r.returnsWhenTold:
		return isUp
	}
	return toHome
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
func (f *failovers) apply(ctx context.Context, s *policy.Status, r *acsRules, due turn) error {
	ctx, cancel := context.WithTimeout(ctx, failoverTimeout)
	defer cancel()
	switch due {
	case toBackup:
		return f.begin(ctx, s.ACS, s.Backup, r.failover)
	case toHome:
		return f.end(ctx, s.ACS)
	}
	return f.up(ctx, s.ACS)
}
