package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
)

// wakeBulk measures one call for a whole fleet.
func (b *bench) wakeBulk(ctx context.Context, r *report) error {
	p, socket, err := b.wakeGateway(ctx, b.bulk, "")
	if err != nil {
		return err
	}
	defer p.end()
	defer socket.close()
	before, err := p.usage()
	if err != nil {
		return err
	}
	calling, hangUp := context.WithCancel(ctx)
	defer hangUp()
	answered := make(chan error, 1)
	start := time.Now()
	go func() { answered <- p.wakeAll(calling) }()
	last, datagrams, err := socket.awaitFleet(calling, b.bulk, answered)
	if err != nil {
		return err
	}
	after, err := p.usage()
	if err != nil {
		return err
	}
	rate := float64(b.bulk) / last.Sub(start).Seconds()
	r.table.rows = append(r.table.rows, []string{
		"API, at once", fmt.Sprint(b.bulk), "-", "-", "-", fmt.Sprintf("%.0f", rate),
		fmt.Sprintf("%.1f", float64((after.CPU-before.CPU).Microseconds())/float64(b.bulk)),
	})
	r.figures = append(r.figures, newFigure("devices woken at once, a second", "%.0f", rate, wakeRate, atLeast))
	r.note("At once, %d datagrams had come when each of the %d devices had one.", datagrams, b.bulk)
	hangUp()
	if err := <-answered; !errors.Is(err, context.Canceled) {
		return fmt.Errorf("the call has ended by itself: %w", err)
	}
	return nil
}

// bulkPatience bounds a bulk.
const bulkPatience = time.Minute

// awaitFleet receives until each CPE has been called, and returns when the last one
// was. It gives up when the call has ended before.
func (s *cpeSocket) awaitFleet(ctx context.Context, size int, answered <-chan error) (last time.Time, datagrams int, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	seen := make([]bool, size)
	missing := size
	err = s.awaitDatagrams(ctx, bulkPatience, func(cpe int, at time.Time) bool {
		datagrams++
		if !seen[cpe] {
			seen[cpe], last = true, at
			missing--
		}
		return missing == 0
	})
	if err != nil {
		select {
		case failed := <-answered:
			err = fmt.Errorf("%w; the call has ended: %w", err, failed)
		default:
		}
		err = fmt.Errorf("%d of %d devices: %w", size-missing, size, err)
	}
	return last, datagrams, err
}

// wakeAll calls the API for all devices and reads its progress until ctx ends.
func (p *proxy) wakeAll(ctx context.Context) error {
	url := "http://" + p.admin + admin.PathAPI + "connection-requests"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(`{"all": true}`))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+wakeToken)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil {
		err = fmt.Errorf("%s: %s", response.Status, text)
	}
	return err
}
