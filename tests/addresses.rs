//! An address is only where to send: peers that wander are followed with proof, and addresses that
//! come and go change nothing else.

#[allow(dead_code, reason = "the world of the simulator serves more stories than these")]
#[path = "sim/world.rs"]
mod world;

use peermon::proto::machine::Input;

use self::world::{World, address, ms, settings};

const A: usize = 0;
const B: usize = 1;

#[test]
fn an_address_that_goes_and_comes_back_is_no_clone() {
    let mut world = World::new(6);
    for index in 0..2 {
        world.add(settings(&["a", "b"], index, ms(200), ms(1000)));
    }
    // Two paths to "b" that lead to one socket, so that "b" echoes the second one.
    let both = vec![address(B); 2];
    world.nodes[A].settings.peers[0].addresses = both.clone();
    world.restart(A);
    world.start(B);
    world.run(ms(5000));
    world.forget_events();
    let name = world.nodes[B].name.clone();
    world.input(A, Input::SetAddresses(name.clone(), vec![address(B)]));
    world.input(A, Input::SetAddresses(name, both));
    world.run(ms(5000));
    assert_eq!(world.story(A, ""), []);
    assert_eq!(world.story(A, "b"), []);
}
