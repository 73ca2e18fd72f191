package console

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
)

// wakeTimeout is far beyond what a Connection Request takes by default.
const wakeTimeout = 10 * time.Minute

// wake sends a Connection Request and answers when the CPE has come, or will not.
func (c *Console) wake(v *visit) error {
	id, err := c.target(v)
	if err != nil {
		return err
	}
	if c.api.Wake == nil {
		return absent("Connection Requests")
	}
	if !c.wakes.enter() {
		return c.result(v, admin.ErrBusy, "connection request")
	}
	defer c.wakes.leave()
	leave, err := c.api.EnterWake(v.who)
	if err != nil {
		return c.result(v, err, "connection request")
	}
	defer leave()
	extend(v.w, wakeTimeout)
	ctx, cancel := context.WithTimeout(v.r.Context(), wakeTimeout)
	defer cancel()
	result, err := c.api.Wake(ctx, id)
	detail := "connection request"
	if err == nil {
		detail += map[bool]string{true: " by " + result.Transport, false: " in vain"}[result.OK]
	}
	if c.result(v, err, detail) != nil {
		return err
	}
	if v.partial() {
		v.w.Header().Set("HX-Trigger", "refresh")
		c.fragment(v, http.StatusOK, "device", "wake-result", result)
		return nil
	}
	if result.OK {
		return c.done(v, "ok", fmt.Sprintf("The CPE came, by %s after %s.", result.Transport, milliseconds(result.TookMS)), "/devices/"+id.String())
	}
	return c.done(v, "bad", "The CPE did not come. Below is what was tried.", "/devices/"+id.String())
}
