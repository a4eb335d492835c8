//! One event of every kind, as OpenHands 0.62 serialises it (without id and timestamp).

use super::*;

#[test]
fn every_kind_is_serialised_as_upstream_does_and_ends_with_the_guides_keys() {
    for vector in VECTORS {
        let event: Value = serde_json::from_str(vector).unwrap();
        let name = |key| event.get(key).and_then(Value::as_str);
        let object = |key: &str| event[key].as_object().cloned().unwrap_or_default();
        let source = Source::from_name(name("source").unwrap()).unwrap();
        let cause = event.get("cause").and_then(Value::as_u64).map(EventId);
        let (draft, added) = match (name("action"), name("observation")) {
            (Some(action), None) => {
                let kind = ActionKind::from_name(action).unwrap();
                let draft = Draft::action(source, kind, object("args"), cause).unwrap();
                (draft, format!(r#","type":"{action}"}}"#))
            }
            (None, Some(observation)) => {
                let kind = ObservationKind::from_name(observation).unwrap();
                let content = name("content").unwrap();
                let draft = Draft::observation(source, kind, content, object("extras"), cause);
                let added = match content {
                    "" => format!(r#","type":"{observation}"}}"#),
                    _ => format!(
                        r#","type":"{observation}","result":{}}}"#,
                        Value::String(content.into())
                    ),
                };
                (draft, added)
            }
            _ => panic!("neither action nor observation: {vector}"),
        };
        let json = draft.into_json(EventId(7), "2026-11-22T06:54:03.196084");
        let upstream = vector.strip_prefix('{').and_then(|v| v.strip_suffix('}')).unwrap();
        let expected =
            format!(r#"{{"id":7,"timestamp":"2026-11-22T06:54:03.196084",{upstream}{added}"#);
        assert_eq!(std::str::from_utf8(&json).unwrap(), expected);
    }
}

#[test]
fn every_action_and_observation_has_a_vector() {
    for name in ActionKind::ALL.iter().map(|kind| kind.as_str()) {
        let key = format!(r#""action":"{name}""#);
        assert!(VECTORS.iter().any(|v| v.contains(&key)), "{name}");
    }
    for name in ObservationKind::ALL.iter().map(|kind| kind.as_str()) {
        let key = format!(r#""observation":"{name}""#);
        assert!(VECTORS.iter().any(|v| v.contains(&key)), "{name}");
    }
}

#[test]
fn constructors_fit_the_table() {
    let cause = EventId(3);
    for (draft, key) in [
        (Draft::user_message("hi"), r#""source":"user","message":"hi","action":"message""#),
        (Draft::agent_message("hi", true), r#""wait_for_response":true,"security_risk":-1}"#),
        (Draft::system("sys", "Demo"), r#""openhands_version":null,"agent_class":"Demo"}"#),
        (Draft::think("hm"), r#""args":{"thought":"hm"}"#),
        (Draft::run("ls", "t"), r#""args":{"command":"ls","is_input":false,"thought":"t""#),
        (Draft::read("/a"), r#""message":"Reading file: /a""#),
        (Draft::write("/a", "c"), r#""args":{"path":"/a","content":"c","start":0"#),
        (Draft::edit("/a", "x", "y"), r#""command":"str_replace","file_text":null,"old_str":"x""#),
        (Draft::finish("done"), r#""final_thought":"done","outputs":{}"#),
        (Draft::think_observation(cause), r#""cause":3,"observation":"think""#),
        (
            Draft::run_observation(
                cause,
                &RunResult { command: "ls", exit_code: 2, ..RunResult::default() },
            ),
            r#""message":"Command `ls` executed with exit code 2.","cause":3,"observation":"run","content":"","extras":{"command":"ls","metadata":{"exit_code":2,"pid":-1"#,
        ),
        (Draft::read_observation(cause, "/a", "c"), r#""content":"c","extras":{"path":"/a""#),
        (Draft::write_observation(cause, "/a", "c"), r#""message":"I wrote to the file /a.""#),
        (Draft::error("bad", "E1", None), r#""message":"bad","observation":"error""#),
    ] {
        let json = draft.into_json(EventId(0), "t");
        let json = std::str::from_utf8(&json).unwrap();
        assert!(json.contains(key), "{json}\n{key}");
    }
}

const VECTORS: &[&str] = &[
    r#"{"source":"agent","message":"No action","action":"null","args":{}}"#,
    r#"{"source":"agent","message":"Running command: ls","action":"run","args":{"command":"ls","is_input":false,"thought":"t","blocking":false,"is_static":false,"cwd":null,"hidden":false,"confirmation_state":"confirmed","security_risk":-1}}"#,
    r#"{"source":"agent","message":"Running Python code interactively: 1+1","action":"run_ipython","args":{"code":"1+1","thought":"","include_extra":true,"confirmation_state":"confirmed","security_risk":-1,"kernel_init_code":""}}"#,
    r#"{"source":"agent","message":"I am browsing the URL: http://x","action":"browse","args":{"url":"http://x","thought":"","security_risk":-1,"return_axtree":false}}"#,
    r#"{"source":"agent","message":"I am interacting with the browser:\n```\ngoto('x')\n```","action":"browse_interactive","args":{"browser_actions":"goto('x')","thought":"","browsergym_send_msg_to_user":"","security_risk":-1,"return_axtree":false}}"#,
    r#"{"source":"agent","message":"Reading file: /a","action":"read","args":{"path":"/a","start":0,"end":-1,"thought":"","security_risk":-1,"impl_source":"default","view_range":null}}"#,
    r#"{"source":"agent","message":"Writing file: /a","action":"write","args":{"path":"/a","content":"c","start":0,"end":-1,"thought":"","security_risk":-1}}"#,
    r#"{"source":"agent","message":"","action":"edit","args":{"path":"/a","command":"str_replace","file_text":null,"old_str":"a","new_str":"b","insert_line":null,"content":"","start":1,"end":-1,"thought":"","security_risk":-1,"impl_source":"oh_aci"}}"#,
    r#"{"source":"agent","message":"I am thinking...: hm","action":"think","args":{"thought":"hm"}}"#,
    r#"{"source":"agent","message":"All done! What's next on the agenda?","action":"finish","args":{"final_thought":"done","outputs":{},"thought":""}}"#,
    r#"{"source":"agent","message":"Task is rejected by the agent. Reason: no","action":"reject","args":{"outputs":{"reason":"no"},"thought":""}}"#,
    r#"{"source":"agent","message":"I'm asking BrowsingAgent for help with this task.","action":"delegate","args":{"agent":"BrowsingAgent","inputs":{"task":"x"},"thought":""}}"#,
    r#"{"source":"agent","message":"Retrieving content for: q","action":"recall","args":{"recall_type":"knowledge","query":"q","thought":""}}"#,
    r#"{"source":"agent","message":"Agent state changed to paused","action":"change_agent_state","args":{"agent_state":"paused","thought":""}}"#,
    r#"{"source":"agent","message":"hi","action":"message","args":{"content":"hi","file_urls":null,"image_urls":["data:..."],"wait_for_response":false,"security_risk":-1}}"#,
    r#"{"source":"agent","message":"sys","action":"system","args":{"content":"sys","tools":[{"type":"function"}],"openhands_version":"0.62.0","agent_class":"CodeActAgent"}}"#,
    r#"{"source":"agent","message":"Summary: s","action":"condensation","args":{"forgotten_event_ids":null,"forgotten_events_start_id":4,"forgotten_events_end_id":60,"summary":"s","summary_offset":4}}"#,
    r#"{"source":"agent","message":"Requesting a condensation of the conversation history.","action":"condensation_request","args":{}}"#,
    r#"{"source":"agent","message":"I am interacting with the MCP server with name:\n```\nfetch\n```\nand arguments:\n```\n{'url': 'x'}\n```","action":"call_tool_mcp","args":{"name":"fetch","arguments":{"url":"x"},"thought":"","security_risk":-1}}"#,
    r#"{"source":"agent","message":"Managing 1 task item.","action":"task_tracking","args":{"command":"plan","task_list":[{"id":"1","title":"t","status":"todo","notes":""}],"thought":""}}"#,
    r#"{"source":"agent","message":"","action":"loop_recovery","args":{"option":1}}"#,
    r#"{"source":"agent","message":"No observation","cause":3,"observation":"null","content":"","extras":{}}"#,
    r#"{"source":"agent","message":"Command `ls` executed with exit code 0.","cause":3,"observation":"run","content":"out","extras":{"command":"ls","metadata":{"exit_code":0,"pid":5,"username":null,"hostname":null,"working_dir":"/w","py_interpreter_path":null,"prefix":"","suffix":""},"hidden":false},"success":true}"#,
    r#"{"source":"agent","message":"Code executed in IPython cell.","cause":3,"observation":"run_ipython","content":"2","extras":{"code":"1+1","image_urls":null},"success":true}"#,
    r#"{"source":"agent","message":"Visited http://x","cause":3,"observation":"browse","content":"page","extras":{"url":"http://x","trigger_by_action":"browse","screenshot":"data:image/png;base64,AA","screenshot_path":null,"set_of_marks":"","error":false,"goal_image_urls":[],"open_pages_urls":[],"active_page_index":-1,"dom_object":{},"axtree_object":{},"extra_element_properties":{},"last_browser_action":"","last_browser_action_error":"","focused_element_bid":"","filter_visible_only":false}}"#,
    r#"{"source":"agent","message":"I read the file /a.","cause":3,"observation":"read","content":"c","extras":{"path":"/a","impl_source":"oh_aci"}}"#,
    r#"{"source":"agent","message":"I wrote to the file /a.","cause":3,"observation":"write","content":"c","extras":{"path":"/a"}}"#,
    r#"{"source":"agent","message":"I edited the file /a.","cause":3,"observation":"edit","content":"edited","extras":{"path":"/a","prev_exist":true,"old_content":"a","new_content":"b","impl_source":"oh_aci","diff":"-a\n+b","_diff_cache":null}}"#,
    r#"{"source":"agent","message":"","cause":3,"observation":"delegate","content":"d","extras":{"outputs":{"x":1}}}"#,
    r#"{"source":"agent","message":"ok","cause":3,"observation":"success","content":"ok","extras":{}}"#,
    r#"{"source":"agent","message":"bad","cause":3,"observation":"error","content":"bad","extras":{"error_id":"E1"}}"#,
    r#"{"source":"agent","message":"","cause":3,"observation":"agent_state_changed","content":"","extras":{"agent_state":"running","reason":""}}"#,
    r#"{"source":"agent","message":"no","cause":3,"observation":"user_rejected","content":"no","extras":{}}"#,
    r#"{"source":"agent","message":"sum","cause":3,"observation":"condense","content":"sum","extras":{}}"#,
    r#"{"source":"agent","message":"Your thought has been logged.","cause":3,"observation":"think","content":"Your thought has been logged.","extras":{}}"#,
    r#"{"source":"agent","message":"Added microagent knowledge","cause":3,"observation":"recall","content":"c","extras":{"recall_type":"knowledge","repo_name":"","repo_directory":"","repo_branch":"","repo_instructions":"","runtime_hosts":{},"additional_agent_instructions":"","date":"","custom_secrets_descriptions":{},"conversation_instructions":"","working_dir":"","microagent_knowledge":[{"name":"git","trigger":"git","content":"use git"}]}}"#,
    r#"{"source":"agent","message":"res","cause":3,"observation":"mcp","content":"res","extras":{"name":"fetch","arguments":{"url":"x"}}}"#,
    r#"{"source":"agent","message":"Downloaded the file at location: /f","cause":3,"observation":"download","content":"dl","extras":{"file_path":"/f"}}"#,
    r#"{"source":"agent","message":"updated","cause":3,"observation":"task_tracking","content":"updated","extras":{"command":"plan","task_list":[]}}"#,
    r#"{"source":"agent","message":"","cause":3,"observation":"loop_detection","content":"loop","extras":{}}"#,
];
