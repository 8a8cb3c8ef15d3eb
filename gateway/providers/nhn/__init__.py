"""Code shared by the NHN Cloud providers: the response envelope and the credentials of later API versions."""
