-- Rejects with 400 what Envoy's transcoder would ignore: unknown fields in JSON bodies, query parameters of methods whose
-- request is the body, and bodies of methods that have none. Also rejects secrets in URLs, which programs often log, and
-- bytes that are not Base64, because the transcoder would repeat them in its error. The transcoder also accepts other forms
-- of a path, such as one with a slash at its end. Such a POST is rejected with 404, because the checks do not know its fields.

local MAXIMUM_DEPTH = 16
local MAXIMUM_NAME = 100
-- The filter runs in a thread that serves many connections. Requests of the contract have at most some thousand values.
local MAXIMUM_VALUES = 20000

local byte, find, sub = string.byte, string.find, string.sub
local QUOTE, BACKSLASH, COLON, COMMA = byte('"'), byte("\\"), byte(":"), byte(",")
local OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET = byte("{"), byte("}"), byte("["), byte("]")

-- Ends the check. field: the path of the field, which can be empty.
local function reject(field, description)
  error({field = field, description = description}, 0)
end

local function not_json(path, at)
  reject(path, "not valid JSON at byte " .. at)
end

local function skip_space(text, at)
  return find(text, "[^ \t\r\n]", at) or #text + 1
end

-- Returns the position after the string that begins at `at`.
local function after_string(text, at, path)
  if byte(text, at) ~= QUOTE then
    not_json(path, at)
  end
  local from = at + 1
  while true do
    local quote = find(text, '"', from, true)
    if quote == nil then
      not_json(path, at)
    end
    local before = quote - 1
    while byte(text, before) == BACKSLASH do
      before = before - 1
    end
    if (quote - before) % 2 == 1 then
      return quote + 1
    end
    from = quote + 1
  end
end

-- A name as it may appear in a response: the caller chose it.
local function printable(name)
  return (sub(name, 1, MAXIMUM_NAME):gsub("[^%w_.%-]", "?"))
end

local function joined(path, name)
  return path == "" and name or path .. "." .. name
end

local check_value
local values = 0

-- Checks the object that begins at `at`, and returns the position after it. fields: the permitted names, each with the
-- fields of its message, BYTES, or ANY; if it is not a table, all names are permitted.
local function check_object(text, at, fields, path, depth)
  at = skip_space(text, at + 1)
  if byte(text, at) == CLOSE_BRACE then
    return at + 1
  end
  while true do
    local after = after_string(text, at, path)
    local name = sub(text, at + 1, after - 2)
    local field = ANY
    if type(fields) == "table" then
      field = fields[name]
    end
    if field == nil then
      reject(joined(path, printable(name)), "the request has no such field")
    end
    at = skip_space(text, after)
    if byte(text, at) ~= COLON then
      not_json(path, at)
    end
    at = check_value(text, skip_space(text, at + 1), field, joined(path, printable(name)), depth)
    at = skip_space(text, at)
    local next = byte(text, at)
    if next == CLOSE_BRACE then
      return at + 1
    elseif next ~= COMMA then
      not_json(path, at)
    end
    at = skip_space(text, at + 1)
  end
end

local function check_array(text, at, fields, path, depth)
  at = skip_space(text, at + 1)
  if byte(text, at) == CLOSE_BRACKET then
    return at + 1
  end
  local index = 0
  while true do
    at = skip_space(text, check_value(text, at, fields, path .. "[" .. index .. "]", depth))
    local next = byte(text, at)
    if next == CLOSE_BRACKET then
      return at + 1
    elseif next ~= COMMA then
      not_json(path, at)
    end
    at = skip_space(text, at + 1)
    index = index + 1
  end
end

local function check_base64(text, path)
  local unescaped = text:gsub("\\/", "/")  -- JSON permits both forms of a slash
  if not find(unescaped, "^[%w+/_-]*=?=?$") then
    reject(path, "must be Base64")
  end
end

-- The transcoder checks the types of the other values.
function check_value(text, at, fields, path, depth)
  if depth > MAXIMUM_DEPTH then
    reject(path, "nested too deeply")
  end
  values = values + 1
  if values > MAXIMUM_VALUES then
    reject("", "the body has more than " .. MAXIMUM_VALUES .. " values")
  end
  local first = byte(text, at)
  if first == QUOTE then
    local after = after_string(text, at, path)
    if fields == BYTES then
      check_base64(sub(text, at + 1, after - 2), path)
    end
    return after
  elseif first == OPEN_BRACE then
    return check_object(text, at, fields, path, depth + 1)
  elseif first == OPEN_BRACKET then
    return check_array(text, at, fields, path, depth + 1)
  end
  local _, last = find(text, "^[%w+.%-]+", at)
  if last == nil then
    not_json(path, at)
  end
  return last + 1
end

local function check_body(text, fields)
  values = 0
  local at = skip_space(text, 1)
  if byte(text, at) ~= OPEN_BRACE then
    reject("", "the body must be a JSON object")
  end
  at = skip_space(text, check_object(text, at, fields, "", 1))
  if at <= #text then
    not_json("", at)
  end
end

local function check_query(query)
  for part in query:gmatch("[^&]+") do
    local name = part:match("^[^=]*")
    if find(name, "[^%w_.]") then
      reject(printable(name), "the request has no such field")
    elseif SECRETS[name] then
      reject(name, "secrets are not accepted in URLs: send the request as a body, with POST")
    elseif PATH_FIELDS[name] then
      reject(name, "the path states this field")
    end
  end
end

-- Returns the entry of METHODS_WITH_BODY for a request, or nil.
local function method_with_body(verb, path)
  if verb == "POST" then
    for _, method in ipairs(METHODS_WITH_BODY) do
      if find(path, method.path) then
        return method
      end
    end
  end
  return nil
end

local function check_timeout(timeout)
  if timeout ~= nil and (#timeout > 9 or not find(timeout, "^%d+[HMSmun]$")) then
    reject("grpc-timeout", "must be a number of at most 8 digits and a unit, such as 5S")
  end
end

local function check(verb, path, query)
  local method = method_with_body(verb, path)
  if method == nil and verb == "POST" then
    error({unknown_path = true}, 0)
  elseif method ~= nil and query ~= "" then
    reject("", "the method has no query parameters: send all fields in the body")
  elseif method == nil then
    check_query(query)
  end
  return method
end

local function send(handle, status, body)
  -- rest.yaml then sends the body unchanged.
  handle:streamInfo():dynamicMetadata():set("envoy.filters.http.lua", "rejected", true)
  handle:respond({[":status"] = status, ["content-type"] = "application/json"}, body)
end

local function respond(handle, violation)
  if type(violation) ~= "table" then  -- an error of this program
    violation = {field = "", description = "the request cannot be checked"}
  elseif violation.unknown_path then
    return send(handle, "404", '{"code":5,"message":"no method has this path","details":[]}')
  end
  local message = violation.field == "" and violation.description or violation.field .. ": " .. violation.description
  send(handle, "400", string.format(
    '{"code":3,"message":"%s","details":[' ..
    '{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"INVALID_REQUEST","domain":"keyway","metadata":{}},' ..
    '{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"%s","description":"%s"}]}]}',
    message, violation.field, violation.description))
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local verb, target = headers:get(":method"), headers:get(":path")
  local path, query = (target or ""):match("^([^?]*)%??(.*)$")
  local permitted, result = pcall(check_timeout, headers:get("grpc-timeout"))
  if permitted then
    permitted, result = pcall(check, verb, path, query)
  end
  if not permitted then
    return respond(handle, result)
  end
  if result ~= nil and result.secret then
    -- rest.yaml then does not send what the transcoder says about an invalid value.
    handle:streamInfo():dynamicMetadata():set("envoy.filters.http.lua", "secret", true)
  end
  local body = handle:body()
  local size = body ~= nil and body:length() or 0
  if result ~= nil and size > 0 then
    permitted, result = pcall(check_body, body:getBytes(0, size), result.fields)
  elseif result == nil and size > 0 and (verb == "GET" or verb == "DELETE") then
    permitted, result = false, {field = "", description = "the method has no body: send the fields as query parameters"}
  end
  if not permitted then
    respond(handle, result)
  end
end
