package webhook

import "time"

// Config is who is told of events.
type Config struct {
	Webhooks []Hook `yaml:"webhooks"`
}

// Hook is one who is told.
type Hook struct {
	// Name stands for it in logs and metrics.
	Name string `yaml:"name"`
	// URL is where events are sent by POST, http or https.
	URL string `yaml:"url"`
	// SecretFile holds the key of signatures, one word of at least 20 characters.
	SecretFile string `yaml:"secret_file"`
	// Kinds are the events that are sent, all for none.
	Kinds []string `yaml:"kinds"`
	// ACS leaves out events that do not concern this one.
	ACS string `yaml:"acs"`
	// RootCAFile has the certificates (PEM) that the server's is checked against,
	// instead of those of the system.
	RootCAFile string `yaml:"root_ca_file"`
	// Timeout is for one attempt.
	Timeout time.Duration `yaml:"timeout"`
}

// SetDefaults fills in what the file leaves out.
func (h *Hook) SetDefaults() {
	if h.Timeout == 0 {
		h.Timeout = 10 * time.Second
	}
}

// SetDefaults fills in what the file leaves out.
func (c *Config) SetDefaults() {
	for i := range c.Webhooks {
		c.Webhooks[i].SetDefaults()
	}
}
