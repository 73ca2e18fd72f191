package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/device"
	"github.com/acsgate/acsgate/internal/journal"
	"github.com/acsgate/acsgate/policy"
)

// resources are what operators are shown beside devices and campaigns.
func (g *Gateway) resources() admin.Resources {
	return admin.Resources{
		Devices: g.devicePage, Bindings: g.bindingPage, Sessions: g.sessionRows, ACSs: g.acsViews, Overview: g.overview, Series: g.series, Certificates: g.certificates,
		Config: g.configView, Reload: g.reloadFile, InScope: g.deviceInScope, Assign: g.assign,
		Timeline: g.timelineView, Events: g.journal.Subscribe, Publish: g.journal.Publish, Captures: g.captureAPI(),
	}
}

// series are the live charts' measurements since a time.
func (g *Gateway) series(since time.Time) admin.Series {
	s := g.sampler.Series(since)
	out := admin.Series{Begin: clock(s.Begin), StepS: s.Step.Seconds(), Times: s.Times, Lines: make([]admin.SeriesLine, len(s.Lines))}
	if out.Times == nil {
		out.Times = []int64{}
	}
	for i, l := range s.Lines {
		out.Lines[i] = admin.SeriesLine(l)
	}
	return out
}

// assign binds a device to an ACS for good, or with "" to none.
func (g *Gateway) assign(ctx context.Context, id cwmp.DeviceID, was, acs string) error {
	if _, ok := g.devices.Handle(id); !ok {
		return admin.ErrUnknownDevice
	}
	if names := g.acsNames(); acs != "" && !slices.Contains(names, acs) {
		return fmt.Errorf("%w: %q is not an ACS (there is %s)", admin.ErrRefused, acs, strings.Join(names, ", "))
	}
	if acs != "" && !slices.ContainsFunc(g.settings.Load().Routes, func(r policy.RouteConfig) bool { return r.Assigned }) {
		return fmt.Errorf("%w: no rule goes by what devices are bound to: add assigned: true to those of routes that should", admin.ErrRefused)
	}
	change := func() error { return g.devices.Assign(ctx, id, acs, assignedByAPI, &was) }
	if acs == "" {
		change = func() error { return g.devices.Unassign(ctx, id, assignedByAPI, &was) }
	}
	err := change()
	if errors.Is(err, device.ErrOtherAssignment) {
		return fmt.Errorf("%w: %w", admin.ErrConflict, err)
	}
	if err == nil {
		g.journal.Publish(journal.Event{
			At: time.Now(), Kind: journal.KindMove, Device: id, ACS: acs, Text: assignmentText(was, acs),
			Data: &journal.Move{From: was, To: acs, State: "assigned", Reason: assignedByAPI},
		})
	}
	return err
}

const assignedByAPI = "by an operator"

func assignmentText(was, acs string) string {
	switch {
	case acs == "":
		return "is assigned to no ACS any more, was to " + was
	case was == "":
		return "is assigned to " + acs
	}
	return "is assigned to " + acs + ", was to " + was
}
