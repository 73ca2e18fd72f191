// Package policy decides which ACS a session goes to, and why. It owns the
// routing rules, the health of the ACSs as a state machine, failover to a
// backup and the way back. It does no I/O, starts no goroutine and never reads
// the clock: observations and the time are arguments, and equal arguments give
// equal decisions. What it decides, others carry out.
//
// The parts fit together like this: Compile turns a Config into a Policy.
// Health is told of every probe and exchange (Observe) and of the passing of
// time (Tick), and publishes a Snapshot. Policy.Decide is a pure function of
// an Input and a Snapshot. Some decisions depend on a budget, such as how many
// sessions a second may return to an ACS; Health.Settle makes those final.
// Health.Route does both.
//
// Campaigns are made of further parts. A Selector says which devices one takes,
// Waves in which order, Criteria.Judge whether the next wave may begin. URLMove
// and STUNSet are Programs: the RPCs to one CPE, each chosen by the results of
// those before it, for whoever holds the session to carry. URLRules and FileURLs
// say what a URL means on either side of the gateway.
package policy
