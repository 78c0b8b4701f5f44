#nullable enable
using UnityEngine;

namespace Dreamport.Samples
{
    /// <summary>Builds the recorder sample when play begins: a court with pillars, and a recorder. Record by hand from the recorder's inspector, or
    /// set Follow Path to record along a synthetic path at once.</summary>
    public sealed class RecorderSample : MonoBehaviour
    {
        [SerializeField, Tooltip("Record 20 s along a synthetic path as soon as play begins.")] bool _followPath;

        DreamportRecorder? _recorder;

        void Start()
        {
            var camera = SampleScene.CameraAndLight(new Vector3(0f, 1.6f, 0f));
            SampleScene.Box("Floor", new Vector3(0f, -0.05f, 0f), new Vector3(16f, 0.1f, 16f), new Color(0.5f, 0.5f, 0.5f));
            for (var i = 0; i < 12; i++)
            {
                var around = Quaternion.Euler(0f, 30f * i, 0f) * Vector3.forward;
                SampleScene.Box($"Pillar {i}", around * 6f + Vector3.up, new Vector3(0.6f, 2f, 0.6f),
                    new Color(0.3f + 0.05f * i, 0.6f, 0.9f - 0.05f * i));
            }
            var place = new GameObject("Dreamport Recorder");
            _recorder = place.AddComponent<DreamportRecorder>();
            _recorder.Camera = camera;
            _recorder.Dataset = "unity-sample";
            _recorder.EpisodeFinished += (_, index, frames) => Debug.Log($"Episode {index} with {frames} frames is in the data set.");
            if (_followPath)
            {
                _recorder.Path = RecorderPath.Mix;
                _recorder.PathSeconds = 20f;
                _recorder.Begin();
            }
            else
            {
                camera.gameObject.AddComponent<FlyCamera>();
            }
        }
    }
}
