// Package gateway is the composition root: it makes the parts, tells them of
// one another, starts and stops them in order, and carries a new configuration
// to all of them. It decides nothing that a part could decide.
package gateway
