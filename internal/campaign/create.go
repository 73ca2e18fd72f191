package campaign

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
	"github.com/acsgate/acsgate/policy"
)

const (
	maxWaves  = 100
	maxRate   = 100_000
	maxShown  = 5   // devices in a refusal
	maxListed = 100 // devices of a list that stay in the definition
)

// Create makes a draft of a campaign, or with DryRun tells what it would be. Its
// members are those devices that it selects now; later ones are not taken.
func (e *Engine) Create(ctx context.Context, d Definition) (View, error) {
	if err := take(ctx, e.creating); err != nil {
		return View{}, err
	}
	defer func() { <-e.creating }()
	c, err := e.create(ctx, d)
	if err != nil {
		return View{}, fmt.Errorf("campaign %q: %w", d.Name, err)
	}
	return e.view(c), nil
}

func (e *Engine) create(ctx context.Context, d Definition) (*campaign, error) {
	p, err := e.prepare(&d)
	if err != nil {
		return nil, err
	}
	c, _, err := e.plan(ctx, d, p)
	if err != nil {
		return nil, err
	}
	if err := e.checkTarget(ctx, &c.Definition); err != nil || d.DryRun {
		return c, err
	}
	if err := e.room(c); err != nil {
		return nil, err
	}
	if err := e.lay(ctx, c); err != nil {
		return nil, err
	}
	e.log.Info("campaign created", zap.String("campaign", c.Name), zap.Int("devices", len(c.members)))
	return c, nil
}

// plan makes a campaign in memory, or says why it must not be.
func (e *Engine) plan(ctx context.Context, d Definition, s prepared) (*campaign, *policy.Waves, error) {
	now := e.deps.Now()
	c := &campaign{head: head{
		Definition: d, Steps: s.steps, Listed: len(d.Selector.Devices), Status: Draft, Phase: 1,
		Reason: "created", Created: now, Changed: now,
	}, texts: newTexts(), limit: e.cfg.ArriveWithin, unsure: &e.unsure}
	if len(d.Selector.Devices) > maxListed {
		c.Selector.Devices = nil
	}
	var survey policy.Survey
	var busy []string
	for in := range e.deps.Devices() {
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		survey.Add(s.selector, in)
		why, taken, owner := e.judgeCandidate(&d, s.selector, &in)
		switch {
		case owner != "" && d.Kind != Failover:
			if len(busy) < maxShown {
				busy = append(busy, in.Device.String()+" ("+owner+")")
			}
		case taken && owner == "":
			e.join(c, &in, why)
		}
	}
	// A campaign that leaves an ACS may take all that is there.
	all := d.Everything || d.Kind != Migration
	if problem := survey.Problem(s.selector, all); problem != "" {
		if names := e.unknown(s.selector); len(names) > 0 {
			problem += ": " + strings.Join(names, ", ")
		}
		return nil, nil, refused("the selector %s", problem)
	}
	switch {
	case len(busy) > 0:
		return nil, nil, busyError(busy)
	case len(c.members) == 0:
		return nil, nil, refused("none of the selected devices is on %s", leaves(&d))
	}
	waves, err := c.divide()
	return c, waves, err
}

func leaves(d *Definition) string {
	if len(d.From) == 0 {
		return "another ACS than " + d.To
	}
	return strings.Join(d.From, " or ")
}

// unknown are some of the devices that are listed and not known.
func (e *Engine) unknown(s *policy.Selector) []string {
	known := map[cwmp.Key]bool{}
	for _, name := range s.Unknown(maxUnknown, func(cwmp.DeviceID) bool { return false }) {
		if id, err := cwmp.ParseDeviceID(name); err == nil {
			known[id.Key()] = false
		}
	}
	if len(known) == 0 {
		return nil
	}
	for in := range e.deps.Devices() {
		if _, listed := known[in.Device.Key()]; listed {
			known[in.Device.Key()] = true
		}
	}
	return s.Unknown(maxShown, func(id cwmp.DeviceID) bool {
		is, listed := known[id.Key()]
		return is || !listed
	})
}

// maxUnknown is how many listed devices are looked up one by one for a refusal.
const maxUnknown = 100_000

// judgeCandidate tells whether a campaign takes a device, why or why not, and
// which other campaign has it that is not over. An operator's draft does not keep
// devices from a failover.
func (e *Engine) judgeCandidate(d *Definition, s *policy.Selector, in *Candidate) (why string, taken bool, owner string) {
	on := e.on(d, in)
	switch taken, why = s.Matches(*in); {
	case !taken:
		return why, false, ""
	case on == d.To:
		return "it is on " + d.To + " already", false, ""
	case len(d.From) > 0 && !slices.Contains(d.From, on):
		return fmt.Sprintf("it is on %q", on), false, ""
	case !keepable(&in.Device):
		return "its identity is too long", false, ""
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	if c := e.busy(&in.Device, nil, d.Kind != Failover); c != nil {
		return "it is in campaign " + c.Name, false, c.Name
	}
	return why, true, ""
}

// on returns the ACS that a device is to be moved from: the one that has it, or
// for a failover the one to which it belongs, for its backup may have it already.
func (e *Engine) on(d *Definition, in *Candidate) string {
	if d.Kind != Failover || in.Home == "" {
		return at(in)
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	if acs, _ := e.placed(e.latest(&in.Device)); acs != "" {
		return acs
	}
	return in.Home
}

// join makes a device a member.
func (e *Engine) join(c *campaign, in *Candidate, why string) {
	c.members = append(c.members, member{
		id: c.ids.addID(&in.Device), at: seconds(c.Created),
		from: c.texts.number(e.on(&c.Definition, in)), reason: c.texts.reason(why),
	})
}

func at(in *Candidate) string {
	if in.Current != "" {
		return in.Current
	}
	return in.Home
}

// divide gives each member its wave. Those that no wave reaches are left out.
func (c *campaign) divide() (*policy.Waves, error) {
	waves, err := policy.NewWaves(c.Name, c.Steps, func(yield func(cwmp.Key) bool) {
		for i := range c.members {
			if !yield(c.ids.id(c.members[i].id).Key()) {
				return
			}
		}
	})
	if err != nil {
		return nil, refused("%v", err)
	}
	kept := c.members[:0]
	for _, m := range c.members {
		if wave, ok := waves.Of(c.ids.id(m.id).Key()); ok {
			m.wave = uint8(wave)
			kept = append(kept, m)
		}
	}
	if c.members = slices.Clip(kept); len(kept) == 0 {
		return nil, refused("its waves reach none of the selected devices")
	}
	return waves, nil
}

var errTaken = refused("there is one of that name: choose another, or remove that one when it is over")

// room tells whether one more campaign may be kept.
func (e *Engine) room(c *campaign) error {
	e.mu.RLock()
	defer e.mu.RUnlock()
	switch _, exists := e.byName[c.Name]; {
	case exists:
		return errTaken
	case len(e.byName) >= e.cfg.MaxCampaigns:
		return refused("there are %d campaigns: remove some that are over", len(e.byName))
	case e.members+len(c.members) > e.cfg.MaxDevices:
		return refused("campaigns have %d devices, and may have %d: remove some that are over", e.members, e.cfg.MaxDevices)
	}
	return nil
}

// lay writes a campaign: that it is being prepared, its members, and that it is
// there. Only then does it hold.
func (e *Engine) lay(ctx context.Context, c *campaign) error {
	e.mu.RLock()
	c.Seq = e.seq + 1
	e.mu.RUnlock()
	h := c.head
	h.Status = preparing
	revision, err := e.putHead(ctx, &h, 0)
	if errors.Is(err, store.ErrConflict) {
		return errTaken
	}
	if err != nil {
		return err
	}
	c.revision = revision
	if err := e.layMembers(ctx, c); err != nil {
		return errors.Join(err, e.erase(context.WithoutCancel(ctx), c))
	}
	if err := e.publish(ctx, c); err != nil {
		return errors.Join(err, e.erase(context.WithoutCancel(ctx), c))
	}
	return nil
}

func (e *Engine) layMembers(ctx context.Context, c *campaign) error {
	var buffer []byte
	writes := make([]store.Write, 0, store.MaxWrites)
	for i := range c.members {
		m := &c.members[i]
		start := len(buffer)
		buffer = c.encode(buffer, m)
		writes = append(writes, store.Write{Key: c.key(m), Value: buffer[start:len(buffer):len(buffer)]})
		if len(writes) == store.MaxWrites || i == len(c.members)-1 {
			if err := e.deps.Store.PutMany(ctx, writes); err != nil {
				return err
			}
			writes, buffer = writes[:0], buffer[:0]
		}
	}
	return nil
}

// publish makes a campaign hold whose members are written. Nobody else creates
// one meanwhile, but one that was over may have been resumed.
func (e *Engine) publish(ctx context.Context, c *campaign) error {
	if err := take(ctx, e.turn); err != nil {
		return err
	}
	defer func() { <-e.turn }()
	for i := range c.members {
		id := c.ids.id(c.members[i].id)
		e.mu.RLock()
		owner := e.busy(&id, nil, c.Kind != Failover)
		e.mu.RUnlock()
		if owner != nil {
			return refused("device %s was taken by campaign %q meanwhile", id, owner.Name)
		}
	}
	revision, err := e.putHead(ctx, &c.head, c.revision)
	if err != nil {
		return err
	}
	c.revision = revision
	e.mu.Lock()
	e.add(c)
	e.mu.Unlock()
	for from := 0; from < len(c.members); from += together {
		e.mu.Lock()
		e.enter(c, from, min(from+together, len(c.members)))
		e.mu.Unlock()
	}
	e.tell(c.event(c.Created))
	return nil
}

// erase removes from the store what is written of a campaign that is not there
// yet or any more. Members are given an end rather than deleted one by one, each
// with a commit of its own.
func (e *Engine) erase(ctx context.Context, c *campaign) error {
	writes := make([]store.Write, 0, store.MaxWrites)
	for i := range c.members {
		writes = append(writes, store.Write{Key: c.key(&c.members[i]), TTL: store.MinTTL})
		if len(writes) == store.MaxWrites || i == len(c.members)-1 {
			if err := e.deps.Store.PutMany(ctx, writes); err != nil {
				return err
			}
			writes = writes[:0]
		}
	}
	return e.deps.Store.Delete(ctx, headPrefix+c.Name, 0)
}

// Move is what a campaign would do with one device.
type Move struct {
	Device cwmp.DeviceID
	Moves  bool
	Wave   int // -1 where it does not move
	From   string
	Reason string // why, or why not
}

// Preview yields every known device and whether the campaign would move it. What
// Create refuses it refuses, before anything else, but for a name that is taken
// and too many campaigns. It ends with the first error.
func (e *Engine) Preview(ctx context.Context, d Definition) iter.Seq2[Move, error] {
	return func(yield func(Move, error) bool) {
		s, waves, err := e.preview(ctx, &d)
		if err != nil {
			yield(Move{}, fmt.Errorf("campaign %q: %w", d.Name, err))
			return
		}
		for in := range e.deps.Devices() {
			if ctx.Err() != nil {
				yield(Move{}, ctx.Err())
				return
			}
			mv := Move{Device: in.Device, From: e.on(&d, &in), Wave: -1}
			mv.Reason, mv.Moves, _ = e.judgeCandidate(&d, s, &in)
			if wave, ok := waves.Of(in.Device.Key()); mv.Moves && ok {
				mv.Wave = wave
			} else if mv.Moves {
				mv.Moves, mv.Reason = false, "no wave reaches it"
			}
			if !yield(mv, nil) {
				return
			}
		}
	}
}

// preview plans a campaign as Create does, and keeps how.
func (e *Engine) preview(ctx context.Context, d *Definition) (*policy.Selector, *policy.Waves, error) {
	if err := take(ctx, e.creating); err != nil { // one plan at a time takes memory
		return nil, nil, err
	}
	defer func() { <-e.creating }()
	p, err := e.prepare(d)
	if err != nil {
		return nil, nil, err
	}
	_, waves, err := e.plan(ctx, *d, p)
	if err != nil {
		return nil, nil, err
	}
	return p.selector, waves, e.checkTarget(ctx, d)
}
