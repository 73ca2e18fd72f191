package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	stunFleet       = 1000   // CPEs whose keep-alives are answered
	stunModerate    = 20_000 // keep-alives a second of 600,000 CPEs that send one each 30 s
	stunLossAllowed = 0.001  // share of requests that a server may lose at a rate that it sustains
	lossTrials      = 3
	lossTime        = time.Second / 2 // of one trial
)

// Targets of the STUN server.
const (
	stunToStund = 1
	stunToEcho  = 1.3
)

// stunServers compares what an answer to a keep-alive costs.
func (b *bench) stunServers(ctx context.Context) (report, error) {
	r := report{section: "stun", title: "STUN: keep-alives of TR-111, tracked"}
	l, err := newSTUNLoad(stunFleet)
	if err != nil {
		return r, err
	}
	defer l.socket.close()
	var all []*stunServer
	defer func() {
		for _, s := range all {
			s.child.stop()
		}
	}()
	for _, k := range []kind{kindEcho, kindStund, kindCoturn, kindGateway} {
		s, err := b.startSTUN(ctx, k, l)
		if errors.Is(err, errLeftOut) {
			r.note("%s", err)
			continue
		}
		if err != nil {
			return r, err
		}
		all = append(all, s)
	}
	if err := b.compareSTUN(ctx, &r, l, all); err != nil {
		return r, err
	}
	ours := findSTUN(all, kindGateway)
	if ours == nil {
		return r, nil
	}
	if err := r.checkTracking(ctx, ours); err != nil {
		return r, err
	}
	return r, b.profileSTUN(ctx, &r, l, ours)
}

// profileSTUN has perf look at a busy server, and at one of a moderate rate.
func (b *bench) profileSTUN(ctx context.Context, r *report, l *stunLoad, s *stunServer) error {
	err := b.profileProcess(ctx, r, r.section, s.child.pid(), func() error {
		_, err := l.saturate(ctx, s.listen, profiledRounds*b.answers)
		return err
	})
	return errors.Join(err, b.profileProcess(ctx, r, r.section+"-paced", s.child.pid(), func() error {
		_, err := l.pace(ctx, s.listen, profiledRounds*min(b.answers, stunModerate), stunModerate)
		return err
	}))
}

// compareSTUN lets all servers take turns, and tabulates.
func (b *bench) compareSTUN(ctx context.Context, r *report, l *stunLoad, all []*stunServer) error {
	for _, s := range all {
		if _, err := l.saturate(ctx, s.listen, min(b.answers, 20*stunFleet)); err != nil {
			return fmt.Errorf("%s: %w", s.kind, err)
		}
	}
	saturate := func(s *stunServer) (stunResult, error) { return l.saturate(ctx, s.listen, b.answers) }
	pace := func(s *stunServer) (stunResult, error) {
		return l.pace(ctx, s.listen, min(b.answers, stunModerate), stunModerate)
	}
	for range b.rounds {
		for _, s := range all {
			if err := s.round(ctx, &s.saturated, saturate); err != nil {
				return err
			}
		}
		for _, s := range all {
			if err := s.round(ctx, &s.paced, pace); err != nil {
				return err
			}
		}
	}
	sustained, err := b.losses(ctx, l, all)
	r.tabulateSTUN(all, sustained)
	r.note("%d rounds, each of %d answers as fast as a server gives them (%d requests on their way), and of %d requests at %d a second. "+
		"%d CPEs, each with its own address and user name.", b.rounds, b.answers, stunWindow, min(b.answers, stunModerate), stunModerate, stunFleet)
	return err
}

// round measures one load on one server.
func (s *stunServer) round(ctx context.Context, series *stunSeries, load func(*stunServer) (stunResult, error)) error {
	before, err := usageOf(s.child.pid())
	if err != nil {
		return err
	}
	got, err := load(s)
	if err != nil {
		return fmt.Errorf("%s: %w", s.kind, err)
	}
	select {
	case <-time.After(settle / 5):
	case <-ctx.Done():
		return ctx.Err()
	}
	after, err := usageOf(s.child.pid())
	if err != nil {
		return fmt.Errorf("%s ended in a round: %w", s.kind, err)
	}
	series.cpu = append(series.cpu, float64((after.CPU-before.CPU).Nanoseconds())/1e3/float64(max(got.Answered, 1)))
	series.system = append(series.system, after.System)
	series.rate = append(series.rate, got.rate())
	return nil
}

// losses finds the highest rate that stund sustains, and what every server loses
// at it; the rate is 0 without stund.
func (b *bench) losses(ctx context.Context, l *stunLoad, all []*stunServer) (rate float64, err error) {
	stund := findSTUN(all, kindStund)
	if stund == nil {
		return 0, nil
	}
	requests := func() int { return min(b.answers, int(rate*lossTime.Seconds())) }
	for rate = median(stund.saturated.rate); ; rate *= 0.9 {
		got, err := l.pace(ctx, stund.listen, requests(), rate)
		if err != nil {
			return 0, err
		}
		if got.loss() <= stunLossAllowed || rate < stunModerate {
			break
		}
	}
	for range min(b.rounds, lossTrials) {
		for _, s := range all {
			got, err := l.pace(ctx, s.listen, requests(), rate)
			if err != nil {
				return 0, err
			}
			s.lost = append(s.lost, got.loss())
		}
	}
	return rate, nil
}

func findSTUN(all []*stunServer, k kind) *stunServer {
	for _, s := range all {
		if s.kind == k {
			return s
		}
	}
	return nil
}

func (r *report) tabulateSTUN(all []*stunServer, sustained float64) {
	lost := "lost"
	if sustained > 0 {
		lost = fmt.Sprintf("lost at %.0f/s", sustained)
	}
	r.table.header = []string{
		"server", "answers/s", "CPU µs/answer", "spread", "ratio", "in kernel",
		fmt.Sprintf("CPU µs at %d/s", stunModerate), "ratio", lost,
	}
	echo, ours := findSTUN(all, kindEcho), findSTUN(all, kindGateway)
	for _, s := range all {
		r.table.rows = append(r.table.rows, []string{
			string(s.kind), fmt.Sprintf("%.0f", median(s.saturated.rate)),
			fmt.Sprintf("%.2f", median(s.saturated.cpu)), fmt.Sprintf("%.0f %%", spread(s.saturated.cpu)),
			number(s.saturated.ratio(&echo.saturated)), fmt.Sprintf("%.0f %%", 100*median(s.saturated.system)),
			fmt.Sprintf("%.2f", median(s.paced.cpu)), number(s.paced.ratio(&echo.paced)), percent(median(s.lost)),
		})
	}
	if ours == nil {
		return
	}
	for _, to := range []struct {
		kind  kind
		limit float64
	}{{kindStund, stunToStund}, {kindEcho, stunToEcho}} {
		if rival := findSTUN(all, to.kind); rival != nil {
			name := fmt.Sprintf("CPU per answer, %s to %s", kindGateway, to.kind)
			r.figures = append(r.figures,
				newFigure(name, "%.2f", ours.saturated.ratio(&rival.saturated), to.limit, atMost),
				newFigure(fmt.Sprintf("%s, at %d/s", name, stunModerate), "%.2f", ours.paced.ratio(&rival.paced), to.limit, atMost))
		}
	}
	if sustained > 0 {
		r.figures = append(r.figures, newFigure("lost at the rate that stund sustains, %", "%.3f", 100*median(ours.lost), 0, atMost))
	}
}

func (s *stunSeries) ratio(base *stunSeries) float64 { return median(ratios(s.cpu, base.cpu)) }

func percent(share float64) string {
	if math.IsNaN(share) {
		return "-"
	}
	return fmt.Sprintf("%.3f %%", 100*share)
}

// checkTracking makes sure that acsgate has tied the keep-alives to the fleet: the
// figures are those of a server that tracks.
func (r *report) checkTracking(ctx context.Context, s *stunServer) error {
	values := map[string]float64{
		`acsgate_bindings{state="fresh"}`: 0, "acsgate_stun_sightings_total": 0, "acsgate_bindings_unattributed_total": 0,
	}
	for series := range values {
		value, err := s.proxy.metric(ctx, series)
		if err != nil {
			return err
		}
		values[series] = value
	}
	fresh, seen, lost := values[`acsgate_bindings{state="fresh"}`], values["acsgate_stun_sightings_total"], values["acsgate_bindings_unattributed_total"]
	if fresh != stunFleet || lost != 0 || seen == 0 {
		r.fail("acsgate does not track: %.0f fresh bindings of %d, %.0f of %.0f keep-alives tied to no device", fresh, stunFleet, lost, seen)
	}
	r.note("acsgate has tied %.0f million keep-alives to %.0f devices.", seen/1e6, fresh)
	return nil
}

// metric reads the value of a series.
func (p *proxy) metric(ctx context.Context, series string) (float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.admin+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	client := http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), series+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("acsgate has no metric %s", series)
}
