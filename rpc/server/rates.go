package server

import (
	"cmp"
	"net"
	"time"

	"parley/rpc/auth"
	pb "parley/rpc/proto/parley/v1"
)

// Rates says how often somebody may do something, each node for itself. They are far above what people do, and there to
// keep a script that runs wild from taking the cluster away from others. Zero fields take the defaults: those of a
// team, and where no other machine reaches the node, more than it can do, since whoever is on the machine can stop it anyway.
type Rates struct {
	// Calls and CallsEvery bound the calls of one user: so many at once, then one every so often.
	Calls      int
	CallsEvery time.Duration
	// Messages and MessagesEvery bound the messages that one user sends, those of batches each counted.
	Messages      int
	MessagesEvery time.Duration
	// Makes and MakesEvery bound the channels that one user makes: each try tells whether a name is taken, also by a
	// channel that he can't see.
	Makes      int
	MakesEvery time.Duration
	// Notices and NoticesEvery bound how often one user says that he is writing.
	Notices      int
	NoticesEvery time.Duration
	// Asks and AsksEvery bound the texts that one user has made by a model, or in its place.
	Asks      int
	AsksEvery time.Duration
	// Strangers and StrangersEvery bound the calls without a login from one address.
	Strangers      int
	StrangersEvery time.Duration
}

func (r Rates) withDefaults(loopback bool) Rates {
	of := Rates{
		Calls: 5000, CallsEvery: 2 * time.Millisecond,
		Messages: 1000, MessagesEvery: 20 * time.Millisecond,
		Asks: 60, AsksEvery: time.Second,
		Strangers: 300, StrangersEvery: 200 * time.Millisecond,
	}
	if loopback {
		of = Rates{
			Calls: 100_000, CallsEvery: 10 * time.Microsecond,
			Messages: 100_000, MessagesEvery: 5 * time.Microsecond,
			Asks: 120, AsksEvery: 500 * time.Millisecond,
			Strangers: 10_000, StrangersEvery: time.Millisecond,
		}
	}
	return Rates{
		Calls: cmp.Or(r.Calls, of.Calls), CallsEvery: cmp.Or(r.CallsEvery, of.CallsEvery),
		Messages: cmp.Or(r.Messages, of.Messages), MessagesEvery: cmp.Or(r.MessagesEvery, of.MessagesEvery),
		Makes: cmp.Or(r.Makes, 100), MakesEvery: cmp.Or(r.MakesEvery, 10*time.Second),
		Notices: cmp.Or(r.Notices, 10), NoticesEvery: cmp.Or(r.NoticesEvery, time.Second),
		Strangers: cmp.Or(r.Strangers, of.Strangers), StrangersEvery: cmp.Or(r.StrangersEvery, of.StrangersEvery),
		Asks: cmp.Or(r.Asks, of.Asks), AsksEvery: cmp.Or(r.AsksEvery, of.AsksEvery),
	}
}

// rates are the limits in force.
type rates struct{ calls, messages, makes, notices, asks, strangers, herald *auth.Rates }

func newRates(r Rates, loopback bool, now func() time.Time) (*rates, error) {
	r = r.withDefaults(loopback)
	all := &rates{}
	for _, one := range []struct {
		to    **auth.Rates
		what  string
		burst int
		every time.Duration
	}{
		{&all.calls, "calls", r.Calls, r.CallsEvery},
		{&all.messages, "messages", r.Messages, r.MessagesEvery},
		{&all.makes, "channels", r.Makes, r.MakesEvery},
		{&all.notices, "notices", r.Notices, r.NoticesEvery},
		{&all.herald, "notices of all users", heraldBurst, heraldEvery},
		{&all.asks, "texts", r.Asks, r.AsksEvery},
		{&all.strangers, "calls without a login", r.Strangers, r.StrangersEvery},
	} {
		var err error
		if *one.to, err = auth.NewRates(one.what, one.burst, one.every, now); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// allow counts a call.
func (r *rates) allow(a *actor, method string) error {
	switch {
	case a.principal != "":
	case tokenUses[method] < tokenOptional:
		return nil // it costs nothing: looking at the cluster, health
	default:
		return r.strangers.Allow(auth.AddressKey(a.address()), 1)
	}
	if err := r.calls.Allow(a.principal, 1); err != nil {
		return err
	}
	switch method {
	case pb.ChannelService_CreateChannel_FullMethodName:
		return r.makes.Allow(a.principal, 1)
	case pb.ChatService_Send_FullMethodName:
		return r.messages.Allow(a.principal, 1)
	case pb.PresenceService_Notice_FullMethodName:
		return r.notices.Allow(a.principal, 1)
	case pb.AssistantService_SmartReply_FullMethodName, pb.AssistantService_Summarize_FullMethodName, pb.AssistantService_Suggest_FullMethodName,
		pb.AssistantService_Ask_FullMethodName, pb.AssistantService_AssistDocument_FullMethodName:
		return r.asks.Allow(a.principal, 1)
	}
	return nil
}

// hostOf returns an address without its port.
func hostOf(addr string) string {
	if host, _, err := net.SplitHostPort(addr); err == nil {
		return host
	}
	return addr
}
