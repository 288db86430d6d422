package server

import (
	"context"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"parley/rpc/auth"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/account"
	"parley/statemachine/state"
)

// actor is who calls. That the token was signed is seen here; whether its login lives, and whether its
// secret is its secret, the state machine judges in the very state that it changes or reads.
type actor struct {
	principal string // the user's id; empty: nobody has logged in
	user      state.UserID
	head      state.Head
	secret    auth.Secret
	expires   time.Time
	address   string // where the call comes from: an IP address
}

type actorKey struct{}

// actorOf returns who calls.
func actorOf(ctx context.Context) *actor {
	a, _ := ctx.Value(actorKey{}).(*actor)
	if a == nil {
		return &actor{}
	}
	return a
}

// tokenUse is what a method does with a token.
type tokenUse uint8

const (
	tokenNeeded           tokenUse = iota // without one the call is refused
	tokenNeededOffHost                    // as long as strangers can't reach this process, one is not needed
	tokenOptional                         // a session is its user's, or nobody's
	tokenIgnored                          // one that has expired keeps nobody from logging in
	tokenIsNobodysConcern                 // gRPC's own services
)

// tokenUses has the methods of which a token is not simply needed: the list that common.proto gives.
var tokenUses = map[string]tokenUse{
	pb.AccountService_SignUp_FullMethodName:        tokenIgnored,
	pb.AccountService_LogIn_FullMethodName:         tokenIgnored,
	pb.AccountService_ResetPassword_FullMethodName: tokenIgnored,
	pb.SessionService_Open_FullMethodName:          tokenOptional,
	pb.SessionService_Close_FullMethodName:         tokenOptional,
	pb.ClusterService_Status_FullMethodName:        tokenNeededOffHost,
}

// tokenUseOf returns what a method does with a token.
func tokenUseOf(method string) tokenUse {
	if strings.HasPrefix(method, "/grpc.health.v1.") || strings.HasPrefix(method, "/grpc.reflection.") {
		return tokenIsNobodysConcern
	}
	return tokenUses[method]
}

// authenticate finds out who calls.
func (e *edge) authenticate(ctx context.Context, method string) (context.Context, error) {
	a := &actor{address: addressOf(ctx)}
	ctx = context.WithValue(ctx, actorKey{}, a)
	use := tokenUseOf(method)
	if use >= tokenIgnored {
		return ctx, nil
	}
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(values) == 0 && (use == tokenOptional || use == tokenNeededOffHost && e.loopback) {
		return ctx, nil
	}
	text, err := auth.ParseBearer(values)
	if err != nil {
		return ctx, refuse(err)
	}
	claims, err := e.keys.verify(ctx, text)
	if err != nil {
		return ctx, refuse(err)
	}
	if err := a.claim(&claims); err != nil {
		return ctx, err
	}
	if account.IsDemo(a.user) && !e.loopback {
		return ctx, convert.RejectionError(account.RefuseDemo)
	}
	return ctx, nil
}

// claim takes over what a token says.
func (a *actor) claim(c *auth.Claims) error {
	user, ok1 := state.ParseUserID(c.User)
	login, ok2 := state.ParseLoginID(c.Login)
	if !ok1 || !ok2 {
		return convert.AuthError(&auth.Refusal{Code: auth.Unauthenticated, Reason: auth.ReasonTokenInvalid, Text: "This is no valid token. Log in again."})
	}
	a.principal, a.user, a.secret, a.expires = user.String(), user, c.Secret, c.Expires
	a.head = state.Head{Login: login, Proof: state.Proof(c.Proof)}
	return nil
}

// addressOf returns where a call comes from, without the port.
func addressOf(ctx context.Context) string {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return ""
	}
	host, _, found := strings.Cut(p.Addr.String(), "%") // an IPv6 zone says nothing to anybody
	if !found {
		host = p.Addr.String()
	}
	return hostOf(host)
}

// authUnary and authStream are the interceptors.
func (e *edge) authUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	ctx, err := e.authenticate(ctx, info.FullMethod)
	if err != nil {
		return nil, err
	}
	noteActor(ctx)
	if err := e.rates.allow(ctx, info.FullMethod); err != nil {
		return nil, refuse(err)
	}
	who := actorOf(ctx).caller()
	if !e.calls.begin(who) {
		return nil, errCrowd()
	}
	defer e.calls.end(who)
	resp, err := next(ctx, req)
	e.denials.seen(ctx, info.FullMethod, err)
	return resp, err
}

func (e *edge) authStream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	ctx, err := e.authenticate(ss.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	noteActor(ctx)
	if err := e.rates.allow(ctx, info.FullMethod); err != nil {
		return refuse(err)
	}
	err = next(srv, &stream{ss, ctx})
	e.denials.seen(ctx, info.FullMethod, err)
	return err
}

// stream is a call's stream whose context knows who calls.
type stream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *stream) Context() context.Context { return s.ctx }
