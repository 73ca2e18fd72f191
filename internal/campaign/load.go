package campaign

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
)

func bySeq(list []*campaign) {
	slices.SortFunc(list, func(a, b *campaign) int { return cmp.Compare(a.Seq, b.Seq) })
}

// Load reads all campaigns from the store. It is called once, before anything
// else. What was being created or removed when the gateway ended is removed.
// Values that make no sense are left out, counted and logged. An error means that
// the store could not be read to its end, or a removal not be finished: the
// engine must not be used then.
func (e *Engine) Load(ctx context.Context) error {
	var damage damage
	e.unsure.Store(seconds(e.deps.Now()))
	list, err := e.loadHeads(ctx, &damage)
	if err != nil {
		return fmt.Errorf("load campaigns: %w", err)
	}
	for _, c := range list {
		if err := e.loadMembers(ctx, c, &damage); err != nil {
			return fmt.Errorf("load campaign %q: %w", c.Name, err)
		}
		if c.Status == preparing || c.Status == removing {
			if err := e.erase(ctx, c); err != nil {
				return fmt.Errorf("remove campaign %q: %w", c.Name, err)
			}
			continue
		}
		e.mu.Lock()
		e.add(c)
		e.index.grow(e.members + e.members/2)
		e.enter(c, 0, len(c.members))
		e.mu.Unlock()
	}
	if damage.entries > 0 {
		e.metrics.damaged.Add(float64(damage.entries))
		e.log.Error("entries of the store make no sense and are left out",
			zap.Int("entries", damage.entries), zap.String("first", damage.key), zap.Error(damage.first))
	}
	return nil
}

// damage is what could not be read.
type damage struct {
	entries int
	key     string
	first   error
}

func (d *damage) note(key string, err error) {
	if d.entries++; d.first == nil {
		d.key, d.first = key, err
	}
}

func (e *Engine) loadHeads(ctx context.Context, d *damage) ([]*campaign, error) {
	var list []*campaign
	err := e.deps.Store.Scan(ctx, headPrefix, func(x store.Entry) error {
		h, err := decodeHead(strings.TrimPrefix(x.Key, headPrefix), x.Value)
		if err != nil {
			d.note(x.Key, err)
			return nil
		}
		list = append(list, &campaign{head: h, revision: x.Revision, texts: newTexts(), limit: e.cfg.ArriveWithin, unsure: &e.unsure, dirty: true})
		return nil
	})
	bySeq(list)
	return list, skipDamage(err, d)
}

// loadMembers reads the members of a campaign, in the order of their keys.
func (e *Engine) loadMembers(ctx context.Context, c *campaign, d *damage) error {
	prefix := memberPrefix + c.Name + "/"
	err := e.deps.Store.Scan(ctx, prefix, func(x store.Entry) error {
		if len(x.Value) == 0 {
			return nil // erased
		}
		id, err := cwmp.ParseDeviceID(x.Key[len(prefix):])
		if err == nil && !keepable(&id) {
			err = errState
		}
		var m member
		if err == nil {
			m, err = c.decode(x.Value)
		}
		if err != nil {
			d.note(x.Key, err)
			return nil
		}
		m.id = c.ids.addID(&id)
		if c.Wake && !m.flags.has(woken) && (m.state == Asked || m.state == Undoing && !m.flags.has(returned)) {
			c.asleep = append(c.asleep, uint32(len(c.members)))
		}
		c.members = append(c.members, m)
		return nil
	})
	c.members = slices.Clip(c.members)
	return skipDamage(err, d)
}

// skipDamage takes an error of the store that speaks of some entries only.
func skipDamage(err error, d *damage) error {
	if errors.Is(err, store.ErrDamaged) {
		d.note("", err)
		return nil
	}
	return err
}
