package keyway

import (
	"encoding/json"
	"sync"

	_ "google.golang.org/grpc/health" // enables health checks by the service config
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	keywayv1 "keyway.dev/clients/go/keyway/v1"
)

type methodName struct {
	Service string `json:"service"`
	Method  string `json:"method"`
}

type retryPolicy struct {
	MaxAttempts          int      `json:"maxAttempts"`
	InitialBackoff       string   `json:"initialBackoff"`
	MaxBackoff           string   `json:"maxBackoff"`
	BackoffMultiplier    float64  `json:"backoffMultiplier"`
	RetryableStatusCodes []string `json:"retryableStatusCodes"`
}

type methodConfig struct {
	Name        []methodName `json:"name"`
	RetryPolicy *retryPolicy `json:"retryPolicy,omitempty"`
}

type config struct {
	LoadBalancing []map[string]struct{} `json:"loadBalancingConfig"`
	Health        *healthConfig         `json:"healthCheckConfig,omitempty"`
	Methods       []methodConfig        `json:"methodConfig,omitempty"`
}

type healthConfig struct {
	ServiceName string `json:"serviceName"`
}

// serviceConfig returns the gRPC service config: round robin over the addresses, and retries of idempotent calls.
func serviceConfig(retries, healthChecking bool) string {
	all := config{LoadBalancing: []map[string]struct{}{{"round_robin": {}}}}
	if healthChecking {
		all.Health = &healthConfig{}
	}
	if retries {
		all.Methods = []methodConfig{{Name: idempotentMethods(), RetryPolicy: &retrying}}
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err) // cannot happen
	}
	return string(text)
}

// idempotentMethods lists the methods that the contract marks as NO_SIDE_EFFECTS.
var idempotentMethods = sync.OnceValue(func() []methodName {
	files := []protoreflect.FileDescriptor{
		keywayv1.File_keyway_v1_audit_service_proto,
		keywayv1.File_keyway_v1_certificate_service_proto,
		keywayv1.File_keyway_v1_key_service_proto,
		keywayv1.File_keyway_v1_provider_service_proto,
	}
	var names []methodName
	for _, file := range files {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				method := service.Methods().Get(j)
				options, ok := method.Options().(*descriptorpb.MethodOptions)
				if ok && options.GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS {
					names = append(names, methodName{string(service.FullName()), string(method.Name())})
				}
			}
		}
	}
	return names
})
