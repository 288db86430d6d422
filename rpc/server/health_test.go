package server

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"

	pb "parley/rpc/proto/parley/v1"
)

// A load balancer sends clients where work can be done, and nobody logs it in.
func TestR94_HealthAndReflectionAreServed(t *testing.T) {
	c := startCluster(t, 3, Config{})
	status := func(node int, service string) healthpb.HealthCheckResponse_ServingStatus {
		r, err := healthpb.NewHealthClient(c.conns[node]).Check(t.Context(), &healthpb.HealthCheckRequest{Service: service})
		require.NoError(t, err)
		return r.GetStatus()
	}
	chat := pb.ChatService_ServiceDesc.ServiceName
	becomes := func(node int, want healthpb.HealthCheckResponse_ServingStatus) {
		t.Helper()
		require.Eventually(t, func() bool { return status(node, chat) == want }, 20*time.Second, 20*time.Millisecond)
	}
	for node := range c.hosts {
		require.Equal(t, healthpb.HealthCheckResponse_SERVING, status(node, ""))
		becomes(node, healthpb.HealthCheckResponse_SERVING)
	}

	stream, err := reflectionpb.NewServerReflectionClient(c.conns[0]).ServerReflectionInfo(t.Context())
	require.NoError(t, err)
	require.NoError(t, stream.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}}))
	r, err := stream.Recv()
	require.NoError(t, err)
	var services []string
	for _, s := range r.GetListServicesResponse().GetService() {
		services = append(services, s.GetName())
	}
	require.Contains(t, services, chat)
	require.Contains(t, services, pb.AccountService_ServiceDesc.ServiceName)
	require.NoError(t, stream.CloseSend())

	// One of three: it lives, and can do nothing.
	c.stop(1)
	c.stop(2)
	becomes(0, healthpb.HealthCheckResponse_NOT_SERVING)
	require.Equal(t, healthpb.HealthCheckResponse_SERVING, status(0, ""))
}
