package config

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/policy"
)

// URLRules returns what ManagementServer.URL means between this ACS and its CPEs.
func (c *ACS) URLRules() policy.URLRules {
	return policy.URLRules{Mode: c.URLGuard, ACSURL: c.Upstream.URL, CPEURL: c.CPEURL}
}

// Validate reports what is wrong with the section.
func (c *CPELogin) Validate(report func(key, value, problem string)) {
	switch {
	case c.Username == "" && c.ListFile == "":
		report("username", "", "is missing: give a template such as {oui}-{serial}, or list_file")
	case c.Username != "" && c.PasswordFile == "":
		report("password_file", "", "is missing: username is of no use without it")
	}
	if c.PasswordFile != "" {
		if _, err := readSecret(c.PasswordFile); err != nil {
			report("password_file", c.PasswordFile, "cannot be read: "+reason(err))
		}
	}
	if c.ListFile != "" {
		if _, err := readLogins(c.ListFile); err != nil {
			report("list_file", c.ListFile, "cannot be read: "+reason(err))
		}
	}
}

// Login is one user name with its password.
type Login struct{ Username, Password string }

// Logins are those of the CPEs of one ACS.
type Logins struct {
	username string
	password string
	listed   map[cwmp.Key]Login
}

// Load reads the files of the section.
func (c *CPELogin) Load() (*Logins, error) {
	l := &Logins{username: c.Username}
	var err error
	if c.PasswordFile != "" {
		if l.password, err = readSecret(c.PasswordFile); err != nil {
			return nil, err
		}
	}
	if c.ListFile != "" {
		if l.listed, err = readLogins(c.ListFile); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// Of returns the login of a CPE; false if there is none for it.
func (l *Logins) Of(id cwmp.DeviceID) (Login, bool) {
	if login, ok := l.listed[id.Key()]; ok {
		return login, true
	}
	if l.username == "" {
		return Login{}, false
	}
	fill := strings.NewReplacer("{oui}", id.OUI, "{product_class}", id.ProductClass, "{serial}", id.SerialNumber)
	return Login{fill.Replace(l.username), l.password}, true
}

func readSecret(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	text := strings.TrimRight(string(data), "\r\n")
	if text == "" {
		return "", errors.New("is empty")
	}
	return text, nil
}

// readLogins reads a line for each device.
func readLogins(path string) (map[cwmp.Key]Login, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := csv.NewReader(f)
	lines.FieldsPerRecord, lines.Comment = 3, '#'
	logins := map[cwmp.Key]Login{}
	for {
		fields, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return logins, nil
		}
		if err != nil {
			return nil, err
		}
		id, err := cwmp.ParseDeviceID(strings.TrimSpace(fields[0]))
		if err != nil {
			line, _ := lines.FieldPos(0)
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		logins[id.Key()] = Login{fields[1], fields[2]}
	}
}
