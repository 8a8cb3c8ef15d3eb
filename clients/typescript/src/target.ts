/** Gateway addresses: conversion to targets of grpc-js, and detection of loopback addresses. */
import { isIP, isIPv4 } from "node:net";

const LARGEST_PORT = 65535;

/** Returns the target for one or several addresses. */
export function targetOf(addresses: readonly string[]): string {
  const [first, ...others] = addresses;
  if (first === undefined) {
    throw new TypeError('No address: use connect({ address: "gateway.example.com:443" }).');
  }
  if (others.length === 0) {
    return isTarget(first) ? first : `dns:${first}`;
  }
  const families = new Set(addresses.map((address) => isIP(hostOf(address))));
  if (families.size !== 1 || families.has(0)) {
    throw new TypeError(
      "Several addresses must be IP addresses of one family; alternatively, use one host name that resolves to all.",
    );
  }
  return `${families.has(4) ? "ipv4" : "ipv6"}:${addresses.join(",")}`;
}

/** Returns whether an address is on this machine. */
export function isLoopback(address: string): boolean {
  if (/^unix(-abstract)?:/.test(address)) {
    return true;
  }
  const host = hostOf(withoutScheme(address));
  return host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));
}

/** Returns the host and the port of an address, unless it is another kind of target. */
export function endpointOf(address: string): { host: string; port: number } | undefined {
  const port = Number(/:(\d+)$/.exec(address)?.[1]);
  const host = hostOf(withoutScheme(address));
  return !(port <= LARGEST_PORT) || /[:,/]/.test(isIP(host) ? "" : host) ? undefined : { host, port };
}

function withoutScheme(address: string): string {
  return address.replace(/^(dns|ipv4|ipv6):(\/\/\/)?/, "");
}

function isTarget(address: string): boolean {
  return /^(dns|ipv4|ipv6|unix|unix-abstract):/.test(address);
}

function hostOf(address: string): string {
  const bracketed = /^\[([^\]]*)\]/.exec(address)?.[1];
  return bracketed ?? (isIP(address) ? address : address.replace(/:\d*$/, ""));
}
