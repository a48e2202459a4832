use crate::support::worlds;

#[tokio::test]
async fn lists_become_groups_follow_changes_and_vanish_without_losing_people() {
    for w in worlds(300).await {
        let sandbox = &w.sandbox.sandbox;
        let groups = rialto_store::groups::of_bridge(w.db.read(), w.bridge).await.unwrap();
        let names: Vec<(String, String)> = groups.iter().map(|g| (g.code.clone().unwrap(), g.name.clone())).collect();
        for list in sandbox.lists() {
            assert!(names.contains(&(list.code.clone(), list.name.clone())), "{}", list.code);
        }
        assert!(groups.iter().all(|g| g.members == 0 && g.synced_at.is_none()), "a list sync touches no counts");

        w.sync("BOARD").await;
        sandbox.rename_list("NEWSLETTER", "The new letter");
        sandbox.delete_list("BOARD");
        w.lists().await;
        assert_eq!(w.group("NEWSLETTER").await.name, "The new letter");
        let board = w.group("BOARD").await;
        assert_eq!((board.state.as_str(), board.members), ("gone", 24));
        let run = w.sync("BOARD").await;
        assert_eq!(run.state, "failed", "{}", run.reason);
        assert_eq!(w.members("BOARD").await.len(), 24, "{}", w.name);

        sandbox.create_list("BOARD", "Board again");
        w.lists().await;
        assert_eq!(w.group("BOARD").await.state, "active");
    }
}

#[tokio::test]
async fn an_empty_list_of_lists_marks_nothing_gone() {
    use rialto_sandbox::{Fault, FaultRule};
    for w in worlds(300).await {
        w.sandbox.sandbox.inject(FaultRule::always(Fault::EmptyList).on("usr_Rialto_Lists"));
        let run = w.lists().await;
        assert_eq!(run.state, "incomplete");
        let groups = rialto_store::groups::of_bridge(w.db.read(), w.bridge).await.unwrap();
        assert!(groups.iter().all(|g| g.state == "active"), "{}", w.name);
    }
}
