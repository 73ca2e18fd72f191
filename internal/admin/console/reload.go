package console

import (
	"net/http"
	"strings"
)

// reload reads the configuration file again. What is wrong with it is shown on the
// page of the configuration, and nothing has changed.
func (c *Console) reload(v *visit) error {
	if c.api.Reload == nil || c.api.Config == nil {
		return absent("a reload")
	}
	if err := c.result(v, c.api.Reload(v.r.Context()), "reload"); err != nil {
		body := configurationPage{ConfigView: c.api.Config(), Reloads: true, Errors: strings.Split(err.Error(), "\n")}
		c.page(v, http.StatusConflict, "configuration", page{Title: "Configuration", Nav: "/configuration", Body: body})
		return nil
	}
	return c.done(v, "ok", "The configuration is in force as the file has it now.", "/configuration")
}
