package gateway

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"
)

// part is something with a Run of its own. Parts are started in order and
// stopped in reverse order, each only when those after it have ended.
type part struct {
	name string
	run  func(context.Context) error
}

// running is a part that has been started.
type running struct {
	part
	stop context.CancelFunc
	done chan error
}

func start(p part, failed chan<- error) *running {
	ctx, stop := context.WithCancel(context.Background())
	r := &running{part: p, stop: stop, done: make(chan error, 1)}
	go func() {
		err := p.run(ctx)
		if err != nil && !errors.Is(err, context.Canceled) {
			err = fmt.Errorf("%s: %w", p.name, err)
		} else {
			err = nil
		}
		if ctx.Err() == nil {
			failed <- fmt.Errorf("%s has stopped by itself", p.name)
		}
		r.done <- err
	}()
	return r
}

// runParts runs all parts until ctx ends or one of them fails.
func runParts(ctx context.Context, log *zap.Logger, parts []part) error {
	failed := make(chan error, len(parts))
	var started []*running
	for _, p := range parts {
		started = append(started, start(p, failed))
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		log.Error("stopping because a part failed", zap.Error(err))
	}
	for i := len(started) - 1; i >= 0; i-- {
		started[i].stop()
		err = errors.Join(err, <-started[i].done)
	}
	return err
}

// closers undo what New has made so far, last first.
type closers []func() error

func (c closers) close() error {
	var errs []error
	for i := len(c) - 1; i >= 0; i-- {
		errs = append(errs, c[i]())
	}
	return errors.Join(errs...)
}
