package credential

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
)

const (
	flushInterval = time.Second
	maxBackOff    = 30 * time.Second // between two attempts at a failing store
	lastFlush     = 10 * time.Second // bounds the writing of what is left at the end
)

// Learn notes what a session told of a device's logins; empty fields stay as they
// were. It never blocks: Get and STUNPassword know it at once, Run stores it. What
// there is no room for is counted and left out; the next session tells it again.
func (v *Vault) Learn(id cwmp.DeviceID, set Set) {
	switch {
	case set == Set{}:
		return
	case id.SerialNumber == "": // any number of CPEs may be nobody (quirk C-52)
		v.metrics.drop(droppedID)
		return
	case !set.fits() || store.CheckKey(recordPrefix+id.String()) != nil:
		v.metrics.drop(droppedSize)
		return
	case !v.queue.add(change{id: id, set: set}):
		v.metrics.drop(droppedQueue)
		return
	}
	if set.STUN == (Login{}) {
		return
	}
	fresh, ok := v.index.set(id, set.STUN, false)
	if !ok {
		v.metrics.drop(droppedIndex)
	}
	if fresh && v.deps.OnSTUNUser != nil {
		v.deps.OnSTUNUser(id, set.STUN.Username)
	}
}

// Forget gives up what was learned of a device. Like Learn it takes effect at
// once and is stored by Run.
func (v *Vault) Forget(id cwmp.DeviceID) {
	if !v.queue.add(change{id: id, forget: true}) {
		v.metrics.drop(droppedQueue)
	}
	v.index.remove(id)
}

// Load reads the STUN logins of all devices into memory. It is called once,
// before the first packet is served. Records that cannot be decrypted are left
// out, counted and logged once. An error means that the store could not be read
// to its end; what was read until then is known.
func (v *Vault) Load(ctx context.Context) error {
	damaged, left := 0, 0
	var first error
	err := v.deps.Store.Scan(ctx, recordPrefix, func(e store.Entry) error {
		id, damage := cwmp.ParseDeviceID(e.Key[len(recordPrefix):])
		var set Set
		if damage == nil {
			set, damage = v.open(e.Key, e.Value)
		}
		if damage != nil {
			v.metrics.damaged.Inc()
			if damaged++; first == nil {
				first = fmt.Errorf("%q: %w", e.Key, damage)
			}
			return nil
		}
		if set.STUN == (Login{}) {
			return nil
		}
		if _, ok := v.index.set(id, set.STUN, true); !ok {
			v.metrics.drop(droppedIndex)
			left++
		}
		return nil
	})
	if damaged > 0 {
		v.log.Error("logins of devices cannot be decrypted and are left out", zap.Int("entries", damaged), zap.Error(first))
	}
	if left > 0 {
		v.log.Error("the store has more STUN logins than fit in memory", zap.Int("left_out", left), zap.Int("most", v.index.max))
	}
	if err != nil {
		return fmt.Errorf("load credentials: %w", err)
	}
	return nil
}

// Run stores what was learned, about once a second, and what is left when ctx
// ends. A store that fails is tried again, at growing intervals. The error is
// that of the last writing.
func (v *Vault) Run(ctx context.Context) error {
	delay := flushInterval
	timer := time.NewTimer(delay)
	defer timer.Stop()
	var failing time.Time
	for {
		select {
		case <-ctx.Done():
			return v.flushLast(context.WithoutCancel(ctx))
		case <-timer.C:
		}
		switch err := v.flush(ctx); {
		case ctx.Err() != nil: // being stopped is no failure of the store
		case err == nil:
			if !failing.IsZero() {
				v.log.Info("the store works again", zap.Duration("failed_for", v.deps.Now().Sub(failing)))
			}
			delay, failing = flushInterval, time.Time{}
		default:
			if failing.IsZero() {
				failing = v.deps.Now()
				v.log.Error("the store fails: learned logins are kept in memory", zap.Error(err))
			}
			delay = min(2*delay, maxBackOff)
		}
		timer.Reset(delay)
	}
}

func (v *Vault) flushLast(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lastFlush)
	defer cancel()
	if err := v.flush(ctx); err != nil {
		return fmt.Errorf("credentials: learned logins of %d devices are not stored: %w", v.queue.size(), err)
	}
	return nil
}

// flush stores all changes. Those that change nothing write nothing.
func (v *Vault) flush(ctx context.Context) error {
	changes := v.queue.take()
	if len(changes) == 0 {
		return nil
	}
	var writes []store.Write
	var err error
	for _, c := range changes {
		if writes, err = v.prepare(ctx, writes, c); err != nil {
			break
		}
		if len(writes) == store.MaxWrites {
			if err = v.write(ctx, writes); err != nil {
				break
			}
			writes = writes[:0]
		}
	}
	if err == nil {
		err = v.write(ctx, writes)
	}
	if err != nil {
		v.metrics.flushErrors.Inc()
	}
	v.queue.done(err == nil)
	return err
}

// prepare adds the write of a change, if there is one to be done.
func (v *Vault) prepare(ctx context.Context, writes []store.Write, c change) ([]store.Write, error) {
	key := recordPrefix + c.id.String()
	if c.forget && c.set == (Set{}) {
		if store.CheckKey(key) != nil {
			return writes, nil
		}
		return writes, v.deps.Store.Delete(ctx, key, 0)
	}
	set := c.set
	if !c.forget {
		stored, found, err := v.stored(ctx, c.id)
		switch {
		case errors.Is(err, errSealed) || errors.Is(err, errForm): // is replaced
			v.metrics.damaged.Inc()
		case err != nil:
			return writes, err
		}
		if set = set.Over(stored); found && set == stored {
			return writes, nil
		}
	}
	return append(writes, store.Write{Key: key, Value: v.sealer.seal(key, appendSet(nil, set))}), nil
}

func (v *Vault) write(ctx context.Context, writes []store.Write) error {
	if len(writes) == 0 {
		return nil
	}
	if err := v.deps.Store.PutMany(ctx, writes); err != nil {
		return err
	}
	v.metrics.written.Add(float64(len(writes)))
	return nil
}
